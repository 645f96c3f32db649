"""A whole measurement: the service started anew for every repeat, warmed up, searched, measured."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from operator import itemgetter
from pathlib import Path

from scopeside.bench import rates
from scopeside.bench.frames import Load
from scopeside.bench.step import Step, offer
from scopeside.bench.target import Target, Transport, running
from scopeside.client.result import Result
from scopeside.errors import ServiceError
from scopeside.settings import BenchSettings, Settings

FIRST_S = 120.0
"""Longest wait for any result of the warm-up."""
JOIN_S = 1.0
"""Wait for the first result before another frame is sent: a subscription may come too late."""
START_LOAD = 0.8
"""Share of what one frame at a time gives a second, where the search begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """What one process of the service gave. `best_hz` is None where no rate held."""

    start_s: float
    warmup_s: tuple[float, ...]
    """Every frame of the warm-up, one at a time, from sending to the result."""
    sweep: tuple[Step, ...]
    best_hz: float | None
    steady: Step | None

    @property
    def all_held(self) -> bool:
        """Whether every rate that was offered held, so that the highest may be any above them."""
        return self.best_hz is not None and all(step.holds for step in self.sweep)


@dataclass(slots=True, kw_only=True)
class Measured:
    """All repeats, and the last result for what it says of its making."""

    repeats: list[Repeat] = field(default_factory=list)
    result: Result | None = None


Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to measure: `rates_hz` in place of a search, `steady_hz` in place of a share."""

    settings: Settings
    options: tuple[str, ...]
    load: Load
    logs: Path
    """Folder, there already, for what the service says: serve-1.log of the first run and so on."""
    transport: Transport = "tcp"
    rates_hz: tuple[float, ...] = ()
    steady_hz: float | None = None

    @property
    def bench(self) -> BenchSettings:
        return self.settings.bench


def measure(plan: Plan, say: Say, measured: Measured) -> None:
    """Run every repeat and add it to `measured`, which has what was finished whatever happens.

    Raises ServiceError where the service fails or gives no result.
    """
    steady_hz, start_hz = plan.steady_hz, None
    for number in range(plan.bench.repeats):
        say(f"run {number + 1} of {plan.bench.repeats}: starting the service")
        with (
            tempfile.TemporaryDirectory(prefix="scopeside-bench-") as folder,
            running(
                plan.settings,
                plan.options,
                load=plan.load,
                folder=Path(folder),
                log=plan.logs / f"serve-{number + 1}.log",
                transport=plan.transport,
            ) as target,
        ):
            repeat = _repeat(target, plan, say, start_hz=start_hz, steady_hz=steady_hz)
            measured.result = target.last_result
            target.end()
        measured.repeats.append(repeat)
        # Those that follow begin where this one ended and are measured at the same load.
        start_hz = repeat.best_hz or start_hz
        if repeat.steady is not None:
            steady_hz = repeat.steady.rate_hz


def _repeat(
    target: Target, plan: Plan, say: Say, *, start_hz: float | None, steady_hz: float | None
) -> Repeat:
    warmup_s = warmed_up(target, plan.bench)
    alone_s = statistics.median(warmup_s[len(warmup_s) // 2 :])
    say(f"  ready in {target.start_s:.1f} s; a frame alone takes {1e3 * alone_s:.1f} ms")
    sweep: list[Step] = []

    def holds(rate_hz: float) -> bool:
        step = offer(target, rate_hz, plan.bench)
        sweep.append(step)
        say("  " + told(step))
        return step.holds

    best_hz = _best(plan, holds, start_hz or START_LOAD / alone_s)
    at_least = "at least " if all(step.holds for step in sweep) else ""
    say(f"  highest rate: {at_least}{best_hz:g} Hz" if best_hz else "  no rate holds")
    if steady_hz is None and best_hz is not None:
        steady_hz = rates.rate_hz(rates.index_below(plan.bench.load * best_hz))
    steady = None
    if steady_hz is not None:
        steady = offer(target, steady_hz, plan.bench)
        say(f"  steady: {told(steady)}")
    return Repeat(
        start_s=target.start_s,
        warmup_s=tuple(warmup_s),
        sweep=tuple(sorted(sweep, key=lambda step: step.rate_hz)),
        best_hz=best_hz,
        steady=steady,
    )


def _best(plan: Plan, holds: Callable[[float], bool], start_hz: float) -> float | None:
    if not plan.rates_hz:
        return rates.highest(holds, start_hz=start_hz)
    # Every rate is offered, also those above one that did not hold: the curve is wanted. What held
    # above it held by chance.
    held = [(rate_hz, holds(rate_hz)) for rate_hz in plan.rates_hz]
    return max((rate_hz for rate_hz, _ in takewhile(itemgetter(1), held)), default=None)


def warmed_up(target: Target, settings: BenchSettings) -> Sequence[float]:
    """Send frames one at a time, each after the last one's result; return their seconds.

    The first frame of a series is dearer than others (its resolution is surveyed), and caches
    settle over the next ones: none of it belongs to a measurement.
    """
    waited_s = 0.0
    while (first_s := target.one(JOIN_S)) is None:
        waited_s += JOIN_S
        if waited_s > FIRST_S:
            raise ServiceError(f"No result has come within {FIRST_S:g} s of the first frame.")
    target.settled(target.books(), sent=0)
    spent_s = [first_s]
    for _ in range(settings.warmup_frames):
        seconds = target.one(FIRST_S)
        if seconds is None:
            raise ServiceError(f"A frame of the warm-up had no result after {FIRST_S:g} s.")
        spent_s.append(seconds)
    return spent_s


def told(step: Step) -> str:
    """One line for people: rate, response, and what was lost and why."""
    parts = [f"{step.rate_hz:6g} Hz: {step.results} of {step.offered} frames"]
    if step.results:
        spent = step.totals["response"].summary()
        parts.append(f"p50 {1e3 * spent.p50_s:.1f} ms, p99 {1e3 * spent.p99_s:.1f} ms")
    lost = {**step.dropped, "missing": step.missing, "undelivered": step.undelivered}
    lost |= {"unsent": step.unsent}
    parts += [f"{count} {why}" for why, count in lost.items() if count]
    if step.queue_grows:
        parts.append("the queue grows")
    return ", ".join(parts) + ("" if step.holds else "  (does not hold)")
