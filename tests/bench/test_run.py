from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from bench_samples import plan, repeat
from queue_target import Queue
from scopeside.bench import rates, run
from scopeside.bench.step import offer
from scopeside.settings import BenchSettings

CAPACITY_HZ = 18.0
SHORT = BenchSettings(seconds=4.0, least_frames=30, target_s=0.5)


def steady(random, count):
    return random.lognormal(-0.005, 0.1, count)


def slow_frames(random, count):
    """One in thirty takes five times as long, as where something else takes the processor."""
    return np.where(random.random(count) < 1.0 / 30.0, 5.0, 1.0) / (1.0 + 4.0 / 30.0)


def stalls(random, count):
    """Every three seconds or so nothing happens for a fifth of one."""
    stalled = random.random(count) < 1.0 / (3.0 * CAPACITY_HZ)
    return np.where(stalled, 1.0 + 0.2 * CAPACITY_HZ, 1.0) / (1.0 + 0.2 / 3.0)


def found_hz(noise, seed):
    """The highest rate that is found of a service that takes `CAPACITY_HZ` in the long run."""
    random = np.random.default_rng(seed)

    def holds(rate_hz):
        service_N = noise(random, 1000) / CAPACITY_HZ
        queue = Queue(lambda number: float(service_N[number % 1000]))
        return offer(queue, rate_hz, SHORT, clock=queue.time, sleep=queue.time.pass_by).holds

    return rates.highest(holds, start_hz=0.8 * CAPACITY_HZ)


@pytest.mark.parametrize(
    ("noise", "least", "most"),
    [(steady, 0.98, 1.05), (slow_frames, 0.9, 1.06), (stalls, 0.9, 1.06)],
)
def test_noise_hardly_moves_the_highest_rate_that_is_found(noise, least, most):
    """Of 13 searches the median is within a rate of the ladder, which is known to no better."""
    shares = sorted(found_hz(noise, seed) / CAPACITY_HZ for seed in range(13))
    assert least <= shares[6] <= most
    assert least - 0.2 <= shares[1]
    assert shares[11] <= most + 0.07


def offering(*rates_hz):
    asked = []

    def holds(rate_hz):
        asked.append(rate_hz)
        return rate_hz != 20.0

    best_hz = run._best(plan(rates_hz=rates_hz), holds, 5.0)
    return best_hz, asked


def test_rates_of_ones_own_are_all_offered_and_what_held_above_one_that_did_not_does_not_count():
    assert offering(10.0, 20.0, 40.0) == (10.0, [10.0, 20.0, 40.0])
    assert offering(20.0, 40.0) == (None, [20.0, 40.0])
    assert offering(10.0, 15.0) == (15.0, [10.0, 15.0])


def test_repeats_begin_where_the_last_one_ended_and_are_measured_at_the_same_load(monkeypatch):
    """Each is a service of its own, with a log that stays."""
    given, logs = [], []

    @contextmanager
    def running(_settings, _options, *, log, **_others):
        logs.append(log.name)
        yield SimpleNamespace(last_result=None, end=lambda: None)

    def measured_once(_target, _plan, _say, *, start_hz, steady_hz):
        given.append((start_hz, steady_hz))
        return repeat(best_hz=None if len(given) == 2 else 8.0, steady_hz=5.6)

    monkeypatch.setattr(run, "running", running)
    monkeypatch.setattr(run, "_repeat", measured_once)
    three, measured = plan(), run.Measured()
    bench = three.settings.bench.model_copy(update={"repeats": 3})
    settings = three.settings.model_copy(update={"bench": bench})
    run.measure(replace(three, settings=settings), lambda _line: None, measured)
    assert given == [(None, None), (8.0, 5.6), (8.0, 5.6)]
    assert logs == ["serve-1.log", "serve-2.log", "serve-3.log"]
    assert len(measured.repeats) == 3
