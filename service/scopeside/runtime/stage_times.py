"""How long every frame took, stage by stage, as histograms and as the last few hundred values."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Mapping
from math import ceil
from threading import Lock
from typing import Any

from scopeside.published import Published

BOUNDS_S = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
"""Upper bounds of the buckets: a stage on a card takes a fraction of a millisecond, a frame of
thousands of chips on two cores takes many seconds."""

WINDOW = 300
"""Percentiles cover this many frames, as those of `scopeside watch` do."""

SERVICE, END_TO_END, WAIT = "service", "end_to_end", "wait"


class _Durations:
    __slots__ = ("counts", "recent", "sum_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_S) + 1)
        self.sum_s = 0.0
        self.recent: deque[float] = deque(maxlen=WINDOW)

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS_S, seconds)] += 1
        self.sum_s += seconds
        self.recent.append(seconds)


class StageTimes:
    """The publishing thread adds every frame; any thread asks.

    Beside the stages there is `wait`: what the service's own time holds beyond them, which is
    waiting in queues and passing on.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._totals: dict[str, _Durations] = {SERVICE: _Durations()}
        self._stages: dict[str, _Durations] = {}

    def add(self, published: Published) -> None:
        """Count one frame; takes some 20 microseconds."""
        waited_s = published.service_s - sum(published.stages_s.values())
        with self._lock:
            self._totals[SERVICE].add(published.service_s)
            if published.end_to_end_s is not None:
                self._totals.setdefault(END_TO_END, _Durations()).add(published.end_to_end_s)
            for stage, seconds in published.stages_s.items():
                self._stages.setdefault(stage, _Durations()).add(seconds)
            # Two lanes overlap: a frame's stages may then add up to more than its time.
            self._stages.setdefault(WAIT, _Durations()).add(max(0.0, waited_s))

    def figures(self) -> dict[str, Any]:
        """Return `bounds_s`, and for every total and stage its `counts` (one for each bound and one
        for what is above the last, not cumulative) and `sum_s`."""
        with self._lock:
            return {
                "bounds_s": list(BOUNDS_S),
                "totals": _as_maps(self._totals),
                "stages": _as_maps(self._stages),
            }

    def percentiles(self) -> dict[str, Any]:
        """Return p50, p95, p99 and the largest of the last `WINDOW` frames, by name."""
        with self._lock:
            recent = {
                "totals": {name: list(one.recent) for name, one in self._totals.items()},
                "stages": {name: list(one.recent) for name, one in self._stages.items()},
            }
        return {
            kind: {name: _percentiles(values) for name, values in named.items() if values}
            for kind, named in recent.items()
        }


def _as_maps(named: Mapping[str, _Durations]) -> dict[str, Any]:
    return {name: {"counts": list(one.counts), "sum_s": one.sum_s} for name, one in named.items()}


def _percentiles(values_s: list[float]) -> dict[str, float]:
    """Nearest rank, as `latency.Percentiles` has it; by hand, since NumPy takes ten times as long
    for so few, and this is asked once a second while somebody looks."""
    ordered = sorted(values_s)

    def rank(percent: int) -> float:
        return ordered[ceil(percent * len(ordered) / 100) - 1]

    return {"p50_s": rank(50), "p95_s": rank(95), "p99_s": rank(99), "max_s": ordered[-1]}
