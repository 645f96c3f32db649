"""A set of whole numbers kept as the ranges it consists of: small where few are missing or many are
in a row."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator


class NumberRanges:
    """Disjoint ranges in ascending order, both ends inside; ranges that touch become one."""

    __slots__ = ("_high", "_low")

    def __init__(self) -> None:
        self._low: list[int] = []
        self._high: list[int] = []

    def __len__(self) -> int:
        """How many ranges there are."""
        return len(self._low)

    def __contains__(self, number: int) -> bool:
        at = self._at(number)
        return at >= 0 and number <= self._high[at]

    @property
    def lowest(self) -> int:
        """The lowest number; there must be one."""
        return self._low[0]

    def add(self, low: int, high: int) -> None:
        """Put in a range of which nothing is inside yet; an empty one (`low > high`) is nothing."""
        if low > high:
            return
        at = self._at(low) + 1
        self._low.insert(at, low)
        self._high.insert(at, high)
        for left in (at, at - 1):
            if 0 <= left < len(self) - 1 and self._high[left] + 1 == self._low[left + 1]:
                del self._high[left], self._low[left + 1]

    def discard(self, number: int) -> bool:
        """Take a number out; return whether it was inside."""
        if number not in self:
            return False
        at = self._at(number)
        low, high = self._low.pop(at), self._high.pop(at)
        self.add(low, number - 1)
        self.add(number + 1, high)
        return True

    def outside(self, low: int, high: int) -> Iterator[tuple[int, int]]:
        """The ranges of those numbers from `low` to `high` that are not inside."""
        at = max(0, self._at(low))
        while at < len(self) and self._low[at] <= high:
            if self._low[at] > low:
                yield low, self._low[at] - 1
            low = max(low, self._high[at] + 1)
            at += 1
        if low <= high:
            yield low, high

    def pop(self, index: int) -> tuple[int, int]:
        """Take a range out: the lowest (0) or the highest (-1)."""
        return self._low.pop(index), self._high.pop(index)

    def _at(self, number: int) -> int:
        """Which range begins last at or before `number`; -1 where none does."""
        return bisect_right(self._low, number) - 1
