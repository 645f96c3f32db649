"""One step: frames offered at one rate for some seconds, and all that became of them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from scopeside.bench.histogram import Durations
from scopeside.bench.ledger import RESPONSE, Answered, answered
from scopeside.bench.target import Target
from scopeside.bench.usage import Usage
from scopeside.settings import BenchSettings

DELIVERY_S = 2.0
"""Longest wait for results that are published, after the last one that came."""
GIVE_UP_TARGETS, GIVE_UP_LEAST_S = 3.0, 1.0
"""A step is lost, and ended, when the oldest frame has waited for so many targets, and a second at
least: what is shorter may be a single stall, of which p99 takes one in a hundred."""
GROWTH_MOST = 0.02
"""Seconds of response gained a second beyond which a queue grows: 98 % of what comes is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What was offered and what became of it; durations as histograms by name.

    `offered = results + lost`, and `lost` is `unsent` (the step was given up, or the socket took
    no more) + dropped by the service, by reason + `missing` (gone on the way there) +
    `undelivered` (gone on the way back).
    """

    rate_hz: float
    offered: int
    unsent: int
    results: int
    dropped: dict[str, int]
    missing: int
    undelivered: int
    seconds: float
    target_s: float
    usage: Usage
    totals: dict[str, Durations]
    stages: dict[str, Durations]
    timeline: list[tuple[float, float]] = field(default_factory=list)
    """For every answered frame: seconds from the step's first due time, and its response."""

    @property
    def lost(self) -> int:
        return self.offered - self.results

    @property
    def p99_s(self) -> float | None:
        """The response that 99 % of the answered frames did not exceed; None of none."""
        return self.totals[RESPONSE].summary().p99_s if self.results else None

    @property
    def holds(self) -> bool:
        """Whether nothing was lost, p99 stayed within the target, and no queue was growing that a
        longer step would have found beyond it."""
        p99_s = self.p99_s
        kept_up = not self.lost and p99_s is not None and p99_s <= self.target_s
        return kept_up and not self.queue_grows

    @property
    def queue_grows(self) -> bool:
        """Whether frames waited longer and longer to the end of the step."""
        return queue_grows(self.timeline)

    @property
    def results_hz(self) -> float:
        """Results a second, over the time from the first frame's due time to the last result."""
        return self.results / self.seconds if self.seconds > 0 else 0.0


def frames_of(settings: BenchSettings, rate_hz: float) -> int:
    """How many frames a step at `rate_hz` offers."""
    return max(settings.least_frames, math.ceil(settings.seconds * rate_hz))


def offer(
    target: Target,
    rate_hz: float,
    settings: BenchSettings,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> Step:
    """Offer frames at `rate_hz` in an open loop, wait until all are accounted for, and say.

    The service must be idle: what is in flight would be counted among the step's. The clock is
    the target's sender's and listener's.
    """
    count = frames_of(settings, rate_hz)
    target.listener.take()
    before = target.books()
    target.meter.since_last()
    first = target.numbers(count)
    begun_s = clock()

    def hopeless() -> bool:
        # Results come in order, so none older than the newest is still to come: not counting on
        # that, a service that drops what it has no time for would look ever further behind.
        next_due_s = begun_s + (target.listener.newest(first - 1) + 1 - first) / rate_hz
        behind_s = clock() - next_due_s
        limit_s = max(GIVE_UP_LEAST_S, GIVE_UP_TARGETS * settings.target_s)
        return target.has_ended() or behind_s > limit_s

    offset_ns = target.sender.wall_minus_monotonic_ns()
    sent = target.sender.offer(first=first, count=count, rate_hz=rate_hz, give_up=hopeless)
    books = target.settled(before, sent=len(sent))
    _wait_for_results(target, first, books.segmented, clock, sleep)
    usage = target.meter.since_last()
    arrivals = target.listener.take()
    ways = list(answered(sent, arrivals, wall_minus_monotonic_ns=offset_ns))
    origin_s = sent[0].due_s if sent else begun_s
    last_s = max((arrival.at_s for arrival in arrivals), default=origin_s)
    return Step(
        rate_hz=rate_hz,
        offered=count,
        unsent=count - len(sent),
        results=len(ways),
        dropped=books.dropped,
        missing=len(sent) - books.received + books.duplicate,
        undelivered=books.segmented - len(ways),
        seconds=last_s - origin_s,
        target_s=settings.target_s,
        usage=usage,
        totals=_histograms(way.total for way in ways),
        stages=_histograms(way.stages for way in ways),
        timeline=[_point(way, origin_s) for way in ways],
    )


def queue_grows(timeline: Sequence[tuple[float, float]]) -> bool:
    """Whether responses grow with the due time, as before a server that takes less than comes.

    At a rate r above the capacity c every second adds 1 - c / r seconds of waiting, to the least
    wait too, while below it a queue empties between what makes it long (stalls, a few slow
    frames). So the least response of the last quarter of the step is held against the least one
    of the first: it must be longer by one frame, and by `GROWTH_MOST` of the time between. Of
    fewer than four frames nothing can be said.
    """
    if len(timeline) < 4:
        return False
    quarter = len(timeline) / 4.0
    first, last = timeline[: round(quarter)], timeline[round(3.0 * quarter) :]
    gained_s = min(spent_s for _, spent_s in last) - min(spent_s for _, spent_s in first)
    between_s = last[0][0] - first[0][0]
    period_s = (timeline[-1][0] - timeline[0][0]) / (len(timeline) - 1)
    return gained_s > max(period_s, GROWTH_MOST * between_s)


def _wait_for_results(
    target: Target,
    first: int,
    expected: int,
    clock: Callable[[], float],
    sleep: Callable[[float], object],
) -> None:
    came, moved_s = -1, clock()
    while (now := target.listener.count_from(first)) < expected:
        if now != came:
            came, moved_s = now, clock()
        elif clock() - moved_s > DELIVERY_S:
            return
        sleep(0.01)


def _histograms(durations: Iterable[dict[str, float]]) -> dict[str, Durations]:
    made: dict[str, Durations] = {}
    for one in durations:
        for name, seconds in one.items():
            made.setdefault(name, Durations()).add(seconds)
    return made


def _point(way: Answered, origin_s: float) -> tuple[float, float]:
    return round(way.due_s - origin_s, 6), round(way.total[RESPONSE], 6)
