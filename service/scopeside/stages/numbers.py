"""Which frame numbers of a series arrived, in bounded memory whatever numbers come.

Kept as the gaps between what arrived, not as what arrived: a healthy stream has none.
"""

from __future__ import annotations

from enum import StrEnum

from scopeside.stages.number_ranges import NumberRanges

MAX_NUMBER = 2**63 - 1
"""Largest frame number, and the cap of every count made from them: fits a signed 64-bit integer."""

MAX_GAPS = 1024
"""Gaps remembered. Beyond that the oldest is written off: its numbers stay missing, and one that
comes after all is late like any other. As many runs of rejected numbers are remembered."""


class Arrival(StrEnum):
    """What a frame number means for its series."""

    NEW = "new"
    LATE = "late"
    DUPLICATE = "duplicate"


class FrameNumbers:
    """The numbers of one series; `first` is where numbering begins, None for the first seen.

    A number whose frame was rejected is not missing. But the header of a damaged frame may say
    anything, so such a number moves nothing: the series goes on behind the last good frame, and
    the first good copy of a rejected frame counts as if nothing had come before it.
    """

    def __init__(self, first: int | None = None) -> None:
        self._first = first
        self._next = first or 0
        self._gaps = NumberRanges()  # below _next, and nothing came
        self._rejected = NumberRanges()  # anywhere, and nothing good came
        self._horizon = 0  # below it gaps are written off
        self._gaps_missing = 0
        self._arrived = 0
        self._announced = 0

    @property
    def missing(self) -> int:
        """How many numbers never arrived: the gaps, or more where more frames were announced."""
        return min(MAX_NUMBER, max(self._gaps_missing, self._announced - self._arrived))

    @property
    def ranges(self) -> int:
        """How many ranges of numbers are remembered, twice `MAX_GAPS` at most."""
        return len(self._gaps) + len(self._rejected)

    def announce(self, frames: int) -> None:
        """Take the sender's word for how many frames it sent."""
        self._announced = frames

    def arrive(self, number: int) -> Arrival:
        """Note that `number` arrived, and say whether it is new, late or a duplicate."""
        again = self._rejected.discard(number)
        arrival = self._place(number, again=again)
        if arrival is not Arrival.DUPLICATE and not again:
            self._arrived += 1
        self._bound()
        return arrival

    def reject(self, number: int) -> None:
        """Note that a frame of this `number` arrived which is of no use."""
        filled = self._gaps.discard(number)
        self._gaps_missing -= filled
        if not filled and (number in self._rejected or self._is_good(number)):
            return
        self._rejected.add(number, number)
        self._arrived += 1
        self._bound()

    def _is_good(self, number: int) -> bool:
        """Whether a good frame had this number, which lies in no gap."""
        begun = self._first is not None and self._first <= number < self._next
        return begun and number >= self._horizon

    def _place(self, number: int, *, again: bool) -> Arrival:
        if self._first is None:
            self._first, self._next = number, number + 1
            return Arrival.NEW
        if number >= self._next:
            self._miss(self._next, number - 1)
            self._next = number + 1
            return Arrival.NEW
        if number < self._first:
            # Joined in the middle, and an older frame comes after all: those between are missing.
            self._miss(number + 1, self._first - 1)
            self._first = number
            return Arrival.LATE
        if again or number < self._horizon:
            return Arrival.LATE
        if not self._gaps.discard(number):
            return Arrival.DUPLICATE
        self._gaps_missing -= 1
        return Arrival.LATE

    def _miss(self, low: int, high: int) -> None:
        for gap_low, gap_high in list(self._rejected.outside(low, high)):
            self._gaps.add(gap_low, gap_high)
            self._gaps_missing += gap_high - gap_low + 1

    def _bound(self) -> None:
        while len(self._gaps) > MAX_GAPS:
            self._horizon = self._gaps.pop(0)[1] + 1
        while len(self._rejected) > MAX_GAPS:
            # What the series has passed is of least use, then what lies farthest ahead of it.
            self._rejected.pop(0 if self._rejected.lowest < self._next else -1)
