"""Which frame numbers of a series arrived, in bounded memory whatever numbers come.

Kept as the gaps between what arrived, not as what arrived: a healthy stream has none.
"""

from __future__ import annotations

from bisect import bisect_right
from enum import StrEnum

MAX_NUMBER = 2**63 - 1
"""Largest frame number, and the cap of every count made from them: fits a signed 64-bit integer."""

MAX_GAPS = 1024
"""Gaps remembered. Beyond that the oldest is written off: its numbers stay missing, and one that
comes after all is late like any other."""


class Arrival(StrEnum):
    """What a frame number means for its series."""

    NEW = "new"
    LATE = "late"
    DUPLICATE = "duplicate"


class FrameNumbers:
    """The numbers of one series; `first` is where numbering begins, None for the first seen."""

    def __init__(self, first: int | None = None) -> None:
        self._first = first
        self._next = first or 0
        self._low: list[int] = []  # the gaps, ascending: _low[i] <= n <= _high[i] never came
        self._high: list[int] = []
        self._horizon = 0  # below it gaps are written off
        self._gaps_missing = 0
        self._arrived = 0
        self._announced = 0

    @property
    def missing(self) -> int:
        """How many numbers never arrived: the gaps, or more where more frames were announced."""
        return min(MAX_NUMBER, max(self._gaps_missing, self._announced - self._arrived))

    @property
    def gaps(self) -> int:
        """How many gaps are remembered, `MAX_GAPS` at most."""
        return len(self._low)

    def announce(self, frames: int) -> None:
        """Take the sender's word for how many frames it sent."""
        self._announced = frames

    def arrive(self, number: int) -> Arrival:
        """Note that `number` arrived, and say whether it is new, late or a duplicate."""
        arrival = self._place(number)
        if arrival is not Arrival.DUPLICATE:
            self._arrived += 1
        return arrival

    def _place(self, number: int) -> Arrival:
        if self._first is None:
            self._first, self._next = number, number + 1
            return Arrival.NEW
        if number >= self._next:
            self._add_gap(len(self._low), self._next, number - 1)
            self._next = number + 1
            return Arrival.NEW
        if number < self._first:
            # Joined in the middle, and an older frame comes after all: those between are missing.
            self._add_gap(0, number + 1, self._first - 1)
            self._first = number
            return Arrival.LATE
        if number < self._horizon:
            return Arrival.LATE
        return self._fill(number)

    def _fill(self, number: int) -> Arrival:
        at = bisect_right(self._low, number) - 1
        if at < 0 or number > self._high[at]:
            return Arrival.DUPLICATE
        low, high = self._low.pop(at), self._high.pop(at)
        self._gaps_missing -= high - low + 1
        self._add_gap(at, number + 1, high)
        self._add_gap(at, low, number - 1)
        return Arrival.LATE

    def _add_gap(self, at: int, low: int, high: int) -> None:
        if low > high:
            return
        self._low.insert(at, low)
        self._high.insert(at, high)
        self._gaps_missing += high - low + 1
        if len(self._low) > MAX_GAPS:
            self._low.pop(0)
            self._horizon = self._high.pop(0) + 1
