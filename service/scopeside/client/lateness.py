"""How late sends were against their schedule, in a histogram of fixed size."""

from __future__ import annotations

import math

import numpy as np

_LEAST_S = 1e-6
_GROWTH = 1.02
"""Each bucket ends 2 % above the one before: percentiles are that exact, at any scale."""

_BUCKETS = math.ceil(math.log(1e4 / _LEAST_S) / math.log(_GROWTH))


class Lateness:
    """Seconds between scheduled and actual sends; an hour at any rate costs no more memory.

    A send is late beyond `late_after_s`. One that follows the send before it in less than half
    the time that the schedule has between them, because it is late, is bunched: what a receiver
    sees of a stall.
    """

    def __init__(self) -> None:
        self._counts = np.zeros(_BUCKETS + 1, np.int64)
        self._before: tuple[float, float] | None = None
        self.count = 0
        self.late = 0
        self.bunched = 0
        self.worst_s = 0.0
        """Of the late ones; 0 where none was."""

    def note(self, *, due_s: float, sent_s: float, late_after_s: float) -> None:
        """Add one send; both times on the same clock."""
        late_s = max(0.0, sent_s - due_s)
        ratio = late_s / _LEAST_S
        bucket = 0 if ratio <= 1 else math.ceil(math.log(ratio) / math.log(_GROWTH))
        self._counts[min(bucket, _BUCKETS)] += 1
        self.count += 1
        if late_s > late_after_s:
            self.late += 1
            self.worst_s = max(self.worst_s, late_s)
            if self._before is not None:
                due_before_s, sent_before_s = self._before
                self.bunched += sent_s - sent_before_s < 0.5 * (due_s - due_before_s)
        self._before = due_s, sent_s

    def percentile_s(self, percent: float) -> float:
        """Return the lateness that `percent` of the sends did not exceed, rounded up by 2 % at
        most; 0 where nothing was sent on a schedule."""
        if not self.count:
            return 0.0
        rank = max(1, math.ceil(self.count * percent / 100))
        bucket = int(np.searchsorted(np.cumsum(self._counts), rank))
        return float(_LEAST_S * _GROWTH**bucket)

    def figures(self) -> dict[str, float | int]:
        """Return what a report says."""
        return {
            "scheduled": self.count,
            "late": self.late,
            "bunched": self.bunched,
            "p50_s": self.percentile_s(50),
            "p99_s": self.percentile_s(99),
            "worst_late_s": self.worst_s,
        }
