"""Sends on time: an open-loop schedule, so that a slow receiver does not slow the source."""

from __future__ import annotations

import time
from collections.abc import Callable

from scopeside.errors import ConfigError

# A send this share of a period behind its time is late: a jitter no camera shows.
_LATE_PERIODS = 0.25

# Longest sleep before looking whether to stop; shorter than anyone notices.
_NAP_S = 0.05


class Pacer:
    """Waits for each item's own time, `number / rate_hz` after the first; counts late ones.

    The schedule is fixed by the first item. An item that is late goes at once and is counted,
    so what follows a stall is bunched openly: `late` and `worst_late_s` say so. Without a rate
    nothing waits and nothing is late. Raises ConfigError for a rate that is not above 0.
    """

    def __init__(
        self,
        rate_hz: float | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        if rate_hz is not None and not rate_hz > 0:
            raise ConfigError(f"A rate must be above 0 Hz, not {rate_hz}.")
        self._rate_hz = rate_hz
        self._clock = clock
        self._sleep = sleep
        self._origin_s: float | None = None
        self.late = 0
        self.worst_late_s = 0.0

    def wait(self, number: int, *, stopped: Callable[[], bool]) -> bool:
        """Return True when item `number` is due, False as soon as `stopped()` says so."""
        if stopped():
            return False
        if self._rate_hz is None:
            return True
        if self._origin_s is None:
            self._origin_s = self._clock() - number / self._rate_hz
        due_s = self._origin_s + number / self._rate_hz
        while (left_s := due_s - self._clock()) > 0:
            self._sleep(min(left_s, _NAP_S))
            if stopped():
                return False
        if -left_s > _LATE_PERIODS / self._rate_hz:
            self.late += 1
            self.worst_late_s = max(self.worst_late_s, -left_s)
        return True
