import numpy as np
import pytest

from bench_samples import step
from queue_target import Queue
from scopeside.bench.step import frames_of, offer, queue_grows
from scopeside.settings import BenchSettings

CAPACITY_HZ = 20.0
SHORT = BenchSettings(seconds=4.0, least_frames=30, target_s=0.5)
"""As the preset bench-cpu: eight targets long, so a queue that grows slowly stays below it."""


def offered(queue, rate_hz, settings=SHORT):
    return offer(queue, rate_hz, settings, clock=queue.time, sleep=queue.time.pass_by)


def test_a_rate_holds_when_nothing_is_lost_and_p99_is_within_the_target():
    assert step(5.0, target_s=0.2).holds
    assert not step(5.0, target_s=0.1).holds
    assert not step(5.0, target_s=0.2, lost=1).holds


def test_a_step_without_any_result_does_not_hold_and_has_no_p99():
    none = step(5.0, frames=3, lost=3)
    assert none.p99_s is None
    assert not none.holds
    assert none.lost == 3


@pytest.mark.parametrize(("rate_hz", "frames"), [(1.0, 40), (3.99, 40), (4.05, 41), (100.0, 1000)])
def test_a_step_lasts_its_seconds_and_offers_no_fewer_than_the_least(rate_hz, frames):
    assert frames_of(BenchSettings(seconds=10.0, least_frames=40), rate_hz) == frames


@pytest.mark.parametrize(
    ("load", "holds"), [(0.5, True), (0.95, True), (1.0, True), (1.05, False), (1.11, False)]
)
def test_no_rate_above_the_capacity_holds_however_short_the_step(load, holds):
    """At 1.11 times the capacity the last frame of four seconds has waited 0.4 s of 0.5."""
    found = offered(Queue(1.0 / CAPACITY_HZ), load * CAPACITY_HZ)
    assert found.results == found.offered
    assert found.p99_s <= SHORT.target_s
    assert found.holds is holds
    assert found.queue_grows is not holds


def responses(service_N, rate_hz):
    """Due times and responses before one server: Lindley's recursion."""
    free_s, timeline = 0.0, []
    for number, service_s in enumerate(service_N):
        due_s = number / rate_hz
        free_s = max(free_s, due_s) + service_s
        timeline.append((due_s, free_s - due_s))
    return timeline


@pytest.mark.parametrize("seed", range(8))
def test_a_queue_that_settles_is_no_growing_one(seed):
    """Service times that vary by half make frames wait for each other below the capacity too."""
    service_N = np.random.default_rng(seed).uniform(0.5, 1.5, 700) / CAPACITY_HZ
    assert not queue_grows(responses(service_N, 0.85 * CAPACITY_HZ))
    assert queue_grows(responses(service_N, 1.1 * CAPACITY_HZ))


def test_a_stall_at_the_end_is_not_taken_for_a_queue():
    calm = [(n / 20.0, 0.05) for n in range(78)]
    assert not queue_grows([*calm, (3.9, 0.4), (3.95, 0.35)])


def test_a_stall_that_is_still_being_worked_off_is_not_taken_for_a_queue():
    """At 0.85 of the capacity 0.3 s of standstill take two more seconds to make good."""
    service_N = np.full(80, 1.0 / CAPACITY_HZ)
    service_N[45] += 0.3
    assert not queue_grows(responses(service_N, 0.85 * CAPACITY_HZ))


def test_a_wait_that_changes_by_less_than_a_frame_is_no_queue():
    """As where the service warms up a little: 90 ms more in 30 frames, 100 ms apart."""
    assert not queue_grows([(n / 10.0, 0.05 + 0.09 * n / 29.0) for n in range(30)])


def test_a_wait_that_grows_by_a_hundredth_of_the_time_is_within_what_is_known():
    assert not queue_grows([(n / 100.0, 0.01 + 0.01 * n / 100.0) for n in range(1000)])
    assert queue_grows([(n / 100.0, 0.01 + 0.03 * n / 100.0) for n in range(1000)])


def test_a_queue_that_is_worked_off_is_no_growing_one():
    assert not queue_grows([(n / 20.0, 0.5 - 0.005 * n) for n in range(80)])


def test_of_three_frames_nothing_can_be_said():
    assert not queue_grows([(0.0, 0.1), (0.1, 5.0), (0.2, 9.0)])


def test_every_frame_of_a_step_is_an_answer_or_lost_for_a_reason():
    queue = Queue(
        0.01, dropped={2: "deadline", 3: "deadline", 9: "stale"}, missing=(5, 6), undelivered=(7,)
    )
    found = offered(queue, 10.0, BenchSettings(seconds=2.0, least_frames=1, target_s=1.0))
    assert found.offered == 20
    assert found.dropped == {"deadline": 2, "stale": 1}
    assert (found.missing, found.undelivered, found.unsent) == (2, 1, 0)
    assert found.results == 14
    assert found.lost == 6 == sum(found.dropped.values()) + found.missing + found.undelivered
    assert not found.holds
    assert found.totals["response"].count == len(found.timeline) == 14
    assert found.totals["response"].summary().max_s == pytest.approx(0.01, rel=2e-3)


def test_a_frame_that_came_twice_is_not_taken_for_one_that_is_missing():
    found = offered(Queue(0.01, missing=(3,), twice=(4, 5)), 10.0)
    assert (found.missing, found.results) == (1, found.offered - 1)


def test_what_a_full_socket_did_not_take_is_unsent():
    queue = Queue(0.01, full_from=12)
    found = offered(queue, 10.0)
    assert (found.results, found.unsent, found.missing) == (12, found.offered - 12, 0)


def test_a_step_far_behind_is_given_up_and_what_it_left_is_unsent():
    queue = Queue(1.0)
    found = offered(queue, 20.0, BenchSettings(seconds=60.0, least_frames=1, target_s=0.5))
    assert 0 < found.unsent < found.offered
    assert found.results + found.unsent == found.offered
    assert found.seconds < 40.0


def test_a_step_counts_its_own_frames_alone():
    queue = Queue(0.01, dropped={1: "stale"}, missing=(2,))
    first, second = (offered(queue, 10.0) for _ in range(2))
    assert (first.dropped, first.missing) == ({"stale": 1}, 1)
    assert (second.dropped, second.missing, second.lost) == ({}, 0, 0)
    assert second.results_hz == pytest.approx(10.0, rel=0.05)
