"""When each item is due: as it came, faster, at a rate, or at once; with jitter and bursts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from scopeside.errors import ConfigError
from scopeside.replaying.item import Item

Jitter = Literal["normal", "uniform", "exponential"]

Due = tuple[Item, float | None]
"""An item and when it is due, in seconds of the schedule; None: right after the one before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast: `speed` times as it came, or `rate_hz` frames a second, or at once (neither).

    `jitter_s` moves every frame by a random time: of that standard deviation (`normal`), at most
    that far either way (`uniform`), or later only, with that mean (`exponential`). Frames keep
    their order. With `burst` above 1 frames go together in groups of that many, when the last of
    a group is due, as from a camera that hands over several at once.
    """

    speed: float | None = None
    rate_hz: float | None = None
    jitter_s: float = 0.0
    jitter: Jitter = "normal"
    burst: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.speed is not None and self.rate_hz is not None:
            raise ConfigError("A replay has either a speed or a rate, not both.")
        if (self.jitter_s > 0 or self.burst > 1) and self.speed is None and self.rate_hz is None:
            raise ConfigError("Jitter and bursts need a schedule: give a rate or a speed.")

    def period_s(self, recorded_s: float | None) -> float | None:
        """Return the mean time between frames, where they came `recorded_s` apart."""
        if self.rate_hz is not None:
            return 1 / self.rate_hz
        if self.speed is None or recorded_s is None:
            return None
        return recorded_s / self.speed

    def schedule(self, items: Iterator[Item]) -> Iterator[Due]:
        """Yield every item with its time, which never runs back."""
        dues = self._jittered(self._plain(items)) if self.jitter_s > 0 else self._plain(items)
        yield from _in_bursts(dues, self.burst) if self.burst > 1 else dues

    def _plain(self, items: Iterator[Item]) -> Iterator[Due]:
        frames = 0
        for item in items:
            if self.speed is not None and item.at_s is not None:
                yield item, item.at_s / self.speed
            elif self.rate_hz is not None and item.is_frame:
                yield item, frames / self.rate_hz
            else:
                yield item, None
            frames += item.is_frame

    def _jittered(self, dues: Iterator[Due]) -> Iterator[Due]:
        random = np.random.default_rng(self.seed)
        before_s = 0.0
        for item, due_s in dues:
            if due_s is None:
                yield item, None
                continue
            if item.is_frame:
                due_s += self._moved_s(random)
            before_s = max(before_s, due_s)
            yield item, before_s

    def _moved_s(self, random: np.random.Generator) -> float:
        match self.jitter:
            case "normal":
                return float(random.normal(0.0, self.jitter_s))
            case "uniform":
                return float(random.uniform(-self.jitter_s, self.jitter_s))
            case "exponential":
                return float(random.exponential(self.jitter_s))


def _in_bursts(dues: Iterator[Due], size: int) -> Iterator[Due]:
    """Hold frames back until `size` of them are there; other items end a burst before its time."""
    held: list[Due] = []
    for item, due_s in dues:
        if not item.is_frame:
            yield from _together(held)
            held = []
            yield item, due_s
            continue
        held.append((item, due_s))
        if len(held) == size:
            yield from _together(held)
            held = []
    yield from _together(held)


def _together(held: list[Due]) -> Iterator[Due]:
    for item, _ in held:
        yield item, held[-1][1]
