"""Receives a stream into a tap: what `scopeside record` does."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import zmq

from scopeside.binding import ipc_in_use, remove_ipc, require_port, unusable
from scopeside.client.connection import ClientKeys
from scopeside.errors import EndpointError, OutputError
from scopeside.recording.tap import Tap
from scopeside.wire.native import TOPIC_END, TOPIC_FRAME

TURN_S = 0.05
"""Longest wait for a message before looking at the tap and whether to stop."""

HWM_MESSAGES = {"sub": 1000, "pull": 1}
"""Messages that ZeroMQ holds while Python is busy; the tap's queue is what absorbs bursts. Of a
PULL few: nobody else gets what is held at the end, and its sender waits in any case."""

COUNTING_S = 0.05
"""Where to stop counting what was fetched ahead: a sender that goes on refills it, so that counting
for long would take from it what another receiver could have had."""

_LEFT_MS = 20


@dataclass(slots=True)
class Heard:
    """What came so far."""

    messages: int = 0
    frames: int = 0
    ends: int = 0
    bytes: int = 0


class Listener:
    """One SUB (to everything) or PULL socket; EndpointError where it cannot be attached.

    A PULL waits where the tap has no room, so that the sender feels it and nothing is dropped.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        socket: Literal["sub", "pull"] = "sub",
        attach: Literal["connect", "bind"] = "connect",
        keys: ClientKeys | None = None,
    ) -> None:
        self.heard = Heard()
        self._endpoint = endpoint
        self._bound = False
        self._lossless = socket == "pull"
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.PULL if self._lossless else zmq.SUB)
        try:
            self._socket.setsockopt(zmq.LINGER, 0)
            self._socket.setsockopt(zmq.RCVHWM, HWM_MESSAGES[socket])
            self._socket.setsockopt(zmq.RCVTIMEO, round(1000 * TURN_S))
            if keys is not None:
                keys.apply(self._socket)
            self._attach(attach)
        except BaseException:
            self.close()
            raise

    def listen(self, tap: Tap, *, until: Callable[[Heard], bool]) -> None:
        """Hand every message to the tap until `until` says so.

        Raises OutputError where the recording ended before: nothing would be recorded any more.
        """
        if not self._lossless:
            # Only now, so that nothing waits here, and grows old, while the tap begins.
            self._socket.setsockopt(zmq.SUBSCRIBE, b"")
        while not until(self.heard):
            try:
                parts = self._socket.recv_multipart(copy=False)
            except zmq.Again:
                tap.look()
            else:
                at_ns, at_s = time.time_ns(), time.monotonic()
                self._note(parts)
                if self._lossless:
                    while not tap.wait_for_room(self._size(parts), timeout_s=TURN_S):
                        self._check(tap)
                        if until(self.heard):
                            break
                tap.offer(parts, at_ns=at_ns, at_s=at_s)
                if self.heard.messages % 64 == 0:
                    tap.look()
            self._check(tap)

    def left_behind(self) -> int:
        """Count what a PULL socket has taken from its sender and nobody has recorded.

        ZeroMQ and the system fetch ahead: one message has to go before the next one shows.
        """
        count, until_s = 0, time.monotonic() + COUNTING_S
        while self._lossless and time.monotonic() < until_s and self._socket.poll(_LEFT_MS):
            self._socket.recv_multipart(copy=False)
            count += 1
        return count

    def close(self) -> None:
        if self._bound:
            remove_ipc(self._endpoint)
        self._socket.close()
        self._context.term()

    def _note(self, parts: list[zmq.Frame]) -> None:
        topic = bytes(parts[0].buffer[:64])
        self.heard.messages += 1
        self.heard.frames += topic == TOPIC_FRAME
        self.heard.ends += topic == TOPIC_END
        self.heard.bytes += self._size(parts)

    @staticmethod
    def _size(parts: list[zmq.Frame]) -> int:
        return sum(map(len, parts))

    @staticmethod
    def _check(tap: Tap) -> None:
        if tap.error is not None:
            raise OutputError(tap.error)

    def _attach(self, attach: Literal["connect", "bind"]) -> None:
        try:
            require_port(self._endpoint)
            if attach == "connect":
                self._socket.connect(self._endpoint)
                return
            if ipc_in_use(self._endpoint):
                raise zmq.ZMQError(zmq.EADDRINUSE)
            self._socket.bind(self._endpoint)
            self._bound = True
        except zmq.ZMQError as error:
            sentence = unusable(f'"{self._endpoint}"', error, attach=attach)
            raise EndpointError(sentence) from error
