"""Sends on time: an open-loop schedule, so that a slow receiver does not slow the source."""

from __future__ import annotations

import time
from collections.abc import Callable

from scopeside.client.lateness import Lateness
from scopeside.errors import ConfigError

LATE_PERIODS = 0.25
"""A send this share of a period behind its time is late: a jitter no camera shows."""

LATE_S = 1e-3
"""No send is late before this: what an operating system that is not one for real time can do."""

# Longest sleep before looking whether to stop; shorter than anyone notices.
_NAP_S = 0.05


def late_after_s(period_s: float | None) -> float:
    """Return how far behind its time a send is late, where sends are `period_s` apart."""
    return LATE_S if period_s is None else max(LATE_S, LATE_PERIODS * period_s)


class Pacer:
    """Waits for each item's own time and notes how late it was; the first item sets the clock.

    The times are the schedule's: `number / rate_hz` after the first with `wait`, any with
    `wait_until`. An item that is late goes at once and is counted, so what follows a stall is
    bunched openly: `lateness` says so. Without a rate `wait` waits for nothing and nothing is
    late. Raises ConfigError for a rate that is not above 0.
    """

    def __init__(
        self,
        rate_hz: float | None = None,
        *,
        period_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        if rate_hz is not None and not rate_hz > 0:
            raise ConfigError(f"A rate must be above 0 Hz, not {rate_hz}.")
        self._rate_hz = rate_hz
        self._late_after_s = late_after_s(period_s if rate_hz is None else 1 / rate_hz)
        self._clock = clock
        self._sleep = sleep
        self._origin_s: float | None = None
        self.lateness = Lateness()

    @property
    def late(self) -> int:
        return self.lateness.late

    @property
    def worst_late_s(self) -> float:
        return self.lateness.worst_s

    def wait(self, number: int, *, stopped: Callable[[], bool]) -> bool:
        """Return True when item `number` is due, False as soon as `stopped()` says so."""
        if self._rate_hz is None:
            return not stopped()
        due_s = number / self._rate_hz
        if not self.wait_until(due_s, stopped=stopped):
            return False
        self.sent(due_s)
        return True

    def left_s(self, due_s: float) -> float:
        """Return the time until an item is due; below 0 when it is late."""
        now_s = self._clock()
        if self._origin_s is None:
            self._origin_s = now_s - due_s
        return self._origin_s + due_s - now_s

    def wait_until(self, due_s: float, *, stopped: Callable[[], bool]) -> bool:
        """Return True when `due_s` of the schedule has come, False as soon as `stopped()`."""
        if stopped():
            return False
        while (left_s := self.left_s(due_s)) > 0:
            self._sleep(min(left_s, _NAP_S))
            if stopped():
                return False
        return True

    def sent(self, due_s: float) -> None:
        """Note that what was due at `due_s` goes out now."""
        self.lateness.note(
            due_s=due_s, sent_s=due_s - self.left_s(due_s), late_after_s=self._late_after_s
        )
