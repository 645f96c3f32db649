"""Drops and errors in the log too, for whoever looks at the service and not at its events."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from threading import Lock

from scopeside.errors import DropReason
from scopeside.wire.events import Event

log = logging.getLogger(__name__)


class FaultLog:
    """Passes events on, and writes a warning for those that tell of a drop or an error.

    A line holds the number of messages of its kind so far, so that lines which the log holds back
    (`RepeatFilter`) take no number with them. `overload` is not written: to replace a frame that
    waits by a newer one is what the policy was chosen for. Any thread may call it.
    """

    def __init__(self, emit: Callable[[Event], None]) -> None:
        self._emit = emit
        self._so_far: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self._lock = Lock()

    def __call__(self, event: Event) -> None:
        """Emit the event; what the log says comes after it."""
        self._emit(event)
        if event["kind"] == "drop" and event["reason"] != DropReason.OVERLOAD:
            self._warn(f"dropped as {event['reason']}", event, ("series", "frame"))
        elif event["kind"] == "error":
            with self._lock:
                self._errors[str(event["code"])] += event["count"]
            self._warn(str(event["code"]), event, ())

    def errors(self) -> Mapping[str, int]:
        """Return how many errors of each code there were."""
        with self._lock:
            return self._errors.copy()

    def _warn(self, what: str, event: Event, whose: tuple[str, ...]) -> None:
        with self._lock:
            self._so_far[what] += event["count"]
            so_far = self._so_far[what]
        known = {key: event[key] for key in whose if event[key] is not None}
        # One text for each kind: the log tells repeats by it. What a sender wrote is in the fields.
        log.warning(what, extra={"so_far": so_far, "why": event["message"]} | known)
