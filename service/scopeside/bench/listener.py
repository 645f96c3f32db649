"""Takes in results as they come and notes when; decoding comes after the clock is read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import zmq

from scopeside.bench.ledger import Arrival
from scopeside.client.connection import connected
from scopeside.client.result import Result
from scopeside.errors import DropError

LOOK_S = 0.1
HWM_MESSAGES = 1000


class Listener(threading.Thread):
    """A subscriber to the results of one series, in a thread of its own."""

    def __init__(
        self, endpoint: str, series: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(name="bench-listener", daemon=True)
        self._series = series
        self._clock = clock
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        options = {zmq.RCVHWM: HWM_MESSAGES}
        self._socket = connected(self._context, zmq.SUB, endpoint, options=options)
        self._ended = threading.Event()
        self._came = threading.Condition()
        self._arrivals: dict[int, Arrival] = {}
        self._newest: int | None = None
        self.last: Result | None = None
        self.malformed = 0

    def run(self) -> None:
        while not self._ended.is_set():
            if not self._socket.poll(int(1000 * LOOK_S)):
                continue
            message = self._socket.recv()
            self._take(message, self._clock())

    def count_from(self, first: int) -> int:
        """How many results of frames from `first` on have come."""
        with self._came:
            return sum(number >= first for number in self._arrivals)

    def newest(self, least: int) -> int:
        """The largest number of a frame whose result has come since the last `take`, and no less
        than `least`; it is asked for with every frame, and so does not look through them."""
        with self._came:
            return least if self._newest is None else max(least, self._newest)

    def wait_for(self, number: int, timeout_s: float) -> Arrival | None:
        """Wait for the result of frame `number`; None where it does not come."""
        with self._came:
            self._came.wait_for(lambda: number in self._arrivals, timeout_s)
            return self._arrivals.get(number)

    def take(self) -> list[Arrival]:
        """Return what has come since the last time and forget it."""
        with self._came:
            arrivals = [self._arrivals[number] for number in sorted(self._arrivals)]
            self._arrivals.clear()
            self._newest = None
            return arrivals

    def close(self) -> None:
        self._ended.set()
        if self.is_alive():
            self.join()
        self._socket.close(linger=0)
        self._context.term()

    def _take(self, message: bytes, at_s: float) -> None:
        try:
            result = Result.from_bytes(message)
        except DropError:
            self.malformed += 1
            return
        if result.series != self._series:
            return
        with self._came:
            self.last = result
            self._arrivals[result.frame] = Arrival(
                number=result.frame, at_s=at_s, timing=result.timing
            )
            self._newest = max(result.frame, self._newest or 0)
            self._came.notify_all()
