"""How the twin's clock goes on: by commands alone, or with the time of day."""

from __future__ import annotations

import time

from scopeside.twin.microscope import Microscope

STEPPED_EPOCH_NS = 1_600_000_000_000_000_000
"""Wall clock at which a stepped twin's clock begins (13 September 2020): frames of equal commands
have equal stamps, and nobody takes them for stamps of today."""


class Pace:
    """Lets a microscope's clock follow the monotonic one, `speed` times as fast; None does not.

    It begins with the first command: what is not looked at yet does not age while a loop starts.
    """

    def __init__(self, microscope: Microscope, *, speed: float | None) -> None:
        self._microscope = microscope
        self.speed = speed
        self._began_s: float | None = None
        self._from_s = microscope.clock_s

    @property
    def stepped(self) -> bool:
        return self.speed is None

    def catch_up(self, waited_s: float) -> None:
        """Let the time pass that has passed: `waited_s` of it where the clock is stepped."""
        if self.speed is None:
            self._microscope.wait(waited_s)
            return
        if self._began_s is None:
            self._began_s = time.monotonic()
        passed_s = self._now_s(self.speed) - self._microscope.clock_s
        if passed_s > 0:
            self._microscope.wait(passed_s)

    def until(self, clock_s: float) -> float:
        """Return the seconds of this world until the twin's clock shows `clock_s`."""
        if self.speed is None:
            return 0.0
        return max(0.0, (clock_s - self._now_s(self.speed)) / self.speed)

    def stamp_ns(self, clock_s: float) -> int:
        """Return the wall clock of a moment of the twin's clock, for `t_ns`."""
        if self.speed is None:
            return STEPPED_EPOCH_NS + round(1e9 * clock_s)
        return time.time_ns()

    def _now_s(self, speed: float) -> float:
        if self._began_s is None:
            return self._from_s
        return self._from_s + speed * (time.monotonic() - self._began_s)
