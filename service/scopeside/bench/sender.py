"""Sends frames when they are due, whatever becomes of those before: an open loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from scopeside.bench.frames import Load
from scopeside.bench.ledger import Sent
from scopeside.messages import Array

LEAD_S = 0.05
"""From the plan to the first frame, so that it is not late already."""
LOOK_S = 0.05
"""Longest wait before looking whether to give up."""

GiveUp = Callable[[], bool]


class Outlet(Protocol):
    """Where frames go: a `FramePublisher` with an open series."""

    def ready(self, timeout_s: float) -> bool: ...

    def frame(self, image: Array, *, number: int, t_ns: int) -> None: ...


class Sender:
    """Offers frames of a load through an open series of a publisher."""

    def __init__(
        self,
        publisher: Outlet,
        load: Load,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._publisher = publisher
        self._load = load
        self._clock = clock
        self._sleep = sleep
        self._wall_ns = wall_ns

    def wall_minus_monotonic_ns(self) -> int:
        """What turns a wall clock's nanoseconds into those of the monotonic clock."""
        return self._wall_ns() - round(1e9 * self._clock())

    def offer(self, *, first: int, count: int, rate_hz: float, give_up: GiveUp) -> list[Sent]:
        """Send frames `first` to `first + count - 1` at their times; return those that went.

        A frame that cannot go in time goes late: its due time stays what it was, and so do those
        of all that follow. `t_ns` in its header is the due time, as a camera's end of exposure
        would be. Ends early where `give_up()` says that the step is lost.
        """
        offset_ns = self.wall_minus_monotonic_ns()
        origin_s = self._clock() + LEAD_S
        sent: list[Sent] = []
        for place in range(count):
            due_s = origin_s + place / rate_hz
            if not self._wait(due_s, give_up) or not self._room(give_up):
                break
            number = first + place
            begun_s = self._clock()
            self._publisher.frame(
                self._load.image(number), number=number, t_ns=round(1e9 * due_s) + offset_ns
            )
            sent.append(Sent(number=number, due_s=due_s, sent_s=begun_s))
        return sent

    def _wait(self, due_s: float, give_up: GiveUp) -> bool:
        while (left_s := due_s - self._clock()) > 0:
            self._sleep(min(left_s, LOOK_S))
            if give_up():
                return False
        return not give_up()

    def _room(self, give_up: GiveUp) -> bool:
        """Wait until a PUSH socket takes the next message; a PUB socket always does."""
        while not self._publisher.ready(LOOK_S):
            if give_up():
                return False
        return True
