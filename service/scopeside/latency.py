"""Latency as people read it: percentiles in total and for every stage."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from scopeside.client.result import ResultTiming

SERVICE, END_TO_END = "service", "end to end"
"""Names of the totals: received to published, and end of exposure to published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles:
    """Order statistics of `count` durations."""

    count: int
    p50_s: float
    p95_s: float
    p99_s: float
    max_s: float

    @classmethod
    def of(cls, durations_s: Iterable[float]) -> Percentiles:
        """Nearest rank (the smallest value that at least p % do not exceed), nothing interpolated.

        Raises IndexError where there are none.
        """
        values = np.fromiter(durations_s, dtype=np.float64)
        p50, p95, p99 = np.percentile(values, (50, 95, 99), method="inverted_cdf")
        return cls(
            count=len(values),
            p50_s=float(p50),
            p95_s=float(p95),
            p99_s=float(p99),
            max_s=float(values.max()),
        )


class LatencyLog:
    """Durations of the last `window` frames (of all where None), by name."""

    def __init__(self, *, window: int | None = None) -> None:
        self._window = window
        self._durations_s: dict[str, deque[float]] = {}
        self._stages: list[str] = []

    def add(self, timing: ResultTiming) -> None:
        """Note one frame; stages keep the order in which they were first seen."""
        self._append(SERVICE, timing.service_s)
        if timing.end_to_end_s is not None:
            self._append(END_TO_END, timing.end_to_end_s)
        for stage, seconds in timing.stages_s.items():
            if stage not in self._stages:
                self._stages.append(stage)
            self._append(f"stage {stage}", seconds)

    def totals(self) -> Mapping[str, Percentiles]:
        """Return `service` and, where clocks could be compared, `end to end`."""
        return {
            name: Percentiles.of(self._durations_s[name])
            for name in (SERVICE, END_TO_END)
            if name in self._durations_s
        }

    def stages(self) -> Mapping[str, Percentiles]:
        """Return every stage in the order in which they run."""
        return {
            stage: Percentiles.of(self._durations_s[f"stage {stage}"]) for stage in self._stages
        }

    def _append(self, name: str, seconds: float) -> None:
        self._durations_s.setdefault(name, deque(maxlen=self._window)).append(seconds)
