"""The service's life: starting, warming, ready, (paused), draining, stopped."""

from __future__ import annotations

import threading
import time
from enum import StrEnum

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


class Lifecycle:
    """Holds the state; every thread may read it, and transitions that make no sense are refused."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state = State.STARTING
        self._started_s = time.monotonic()
        self.stop_requested = threading.Event()

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
