"""Drops and errors as events, at most one a second of each kind, with how many it stands for.

A flood must not become a flood of events: the first is told at once, those that follow within the
second (or another time) are summed up in one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from scopeside.errors import DropReason
from scopeside.wire import events

INTERVAL_S = 1.0
"""Least time between two events of one kind."""

Emit = Callable[[events.Event], None]
MakeEvent = Callable[[int], events.Event]


@dataclass(slots=True)
class _Kind:
    """What one kind of event has to say: when it last did, and what came since."""

    told_s: float
    untold: int = 0
    make: MakeEvent | None = None


class Reports:
    """Tells `emit` of drops and errors; any thread may use any method.

    Somebody has to call `flush` now and then, or the end of a flood is never told.
    """

    def __init__(
        self,
        emit: Emit,
        *,
        now_s: Callable[[], float] = time.monotonic,
        interval_s: float = INTERVAL_S,
    ) -> None:
        self._emit = emit
        self._interval_s = interval_s
        self._now_s = now_s
        self._lock = Lock()
        self._kinds: dict[str, _Kind] = {}

    def dropped(
        self, reason: DropReason, message: str, *, series: str | None, frame: int | None
    ) -> None:
        """Tell that a message was dropped; counting it is the books' business."""
        self._tell(
            f"drop {reason}",
            lambda count: events.dropped(reason, message, series=series, frame=frame, count=count),
        )

    def error(self, code: str, message: str) -> None:
        """Tell that something went wrong that is no message's fault."""
        self._tell(f"error {code}", lambda count: events.error(code, message, count=count))

    def flush(self, *, everything: bool = False) -> None:
        """Tell what has waited its second, or all that waits."""
        ready: list[events.Event] = []
        with self._lock:
            now_s = self._now_s()
            for kind in self._kinds.values():
                due = everything or now_s - kind.told_s >= self._interval_s
                if kind.make is not None and due:
                    ready.append(kind.make(kind.untold))
                    kind.told_s, kind.untold, kind.make = now_s, 0, None
        for event in ready:
            self._emit(event)

    def _tell(self, name: str, make: MakeEvent) -> None:
        with self._lock:
            now_s = self._now_s()
            kind = self._kinds.setdefault(name, _Kind(told_s=now_s - self._interval_s))
            kind.untold += 1
            kind.make = make
        self.flush()
