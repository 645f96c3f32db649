"""Which frames of an input, how often, and how many in all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from scopeside.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Frames `first` to `last`, both among them, counted from 0; `loops` times (0: for ever), and
    at most `frames` in all."""

    first: int = 0
    last: int | None = None
    loops: int = 1
    frames: int | None = None

    def __post_init__(self) -> None:
        if self.loops < 0 or (self.frames is not None and self.frames < 1):
            raise ConfigError("--loop must be 0 or more, and --frames 1 or more.")
        if self.first < 0 or (self.last is not None and self.last < self.first):
            raise ConfigError("--first must be 0 or more, and --last no less than --first.")

    def within(self, available: int) -> range:
        """Return the frames meant of `available`; ConfigError where there are none."""
        end = available if self.last is None else min(self.last + 1, available)
        if self.first >= end:
            raise ConfigError(
                f"--first {self.first} is beyond the input, which has {available} frames."
            )
        return range(self.first, end)

    def total(self, selected: int) -> int | None:
        """Return how many frames go out where a loop has `selected`; None for ever."""
        looped = self.loops * selected or None
        if self.frames is None or looped is None:
            return self.frames or looped
        return min(self.frames, looped)

    def numbers(self, selected: int) -> Iterator[int]:
        """Count the frames that go out."""
        total = self.total(selected)
        return iter(count() if total is None else range(total))
