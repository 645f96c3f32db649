"""The service's life: starting, warming, ready, (paused), draining, stopped."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from enum import StrEnum
from queue import Empty, SimpleQueue

from scopeside.errors import ServiceError


class State(StrEnum):
    STARTING = "starting"
    WARMING = "warming"
    READY = "ready"
    PAUSED = "paused"
    DRAINING = "draining"
    STOPPED = "stopped"


# What may follow what. Draining may begin at any time; nothing leaves `stopped`.
_NEXT = {
    State.STARTING: {State.WARMING, State.DRAINING, State.STOPPED},
    State.WARMING: {State.READY, State.DRAINING, State.STOPPED},
    State.READY: {State.PAUSED, State.DRAINING, State.STOPPED},
    State.PAUSED: {State.READY, State.DRAINING, State.STOPPED},
    State.DRAINING: {State.STOPPED},
    State.STOPPED: set(),
}


class StopRequest:
    """An event that a signal handler may set while the very thread it interrupts waits for it.

    `threading.Event` cannot be that: its lock is not reentrant, so a signal that strikes inside
    its `wait` would deadlock in `set`. `SimpleQueue.put` is documented as reentrant. One thread
    waits; any may set and look.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._wake: SimpleQueue[None] = SimpleQueue()

    def set(self) -> None:
        self._is_set = True
        self._wake.put(None)

    def is_set(self) -> bool:
        return self._is_set

    def wait(self, timeout_s: float) -> bool:
        """Return whether it is set, waiting at most `timeout_s`."""
        if not self._is_set:
            with suppress(Empty):
                self._wake.get(timeout=max(0.0, timeout_s))
        return self._is_set


class Lifecycle:
    """Holds the state; every thread may read it, and transitions that make no sense are refused."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state = State.STARTING
        self._started_s = time.monotonic()
        self.stop_requested = StopRequest()

    @property
    def state(self) -> State:
        return self._state

    @property
    def uptime_s(self) -> float:
        return time.monotonic() - self._started_s

    def enter(self, state: State) -> None:
        """Move on; entering the present state again is harmless.

        Raises `ServiceError` where the service cannot go there from where it is.
        """
        with self._lock:
            if state is self._state:
                return
            if state not in _NEXT[self._state]:
                raise ServiceError(f"The service is {self._state} and cannot become {state}.")
            self._state = state

    def request_stop(self) -> None:
        """Ask the main thread to drain and stop; safe from a signal handler."""
        self.stop_requested.set()
