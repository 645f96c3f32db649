"""A second subscriber on the publisher: sees the frames that the service sees."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Self

import zmq

from scopeside.client.connection import connected
from scopeside.errors import DropError
from scopeside.settings import LimitSettings
from scopeside.wire.incoming import FrameMessage
from scopeside.wire.native import decode_message

HWM_MESSAGES = 256


class FrameTap:
    """Yields the frames that have come; what cannot be decoded is the service's to count."""

    def __init__(self, endpoint: str) -> None:
        self._limits = LimitSettings()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        try:
            options = {zmq.RCVHWM: HWM_MESSAGES}
            self._socket = connected(self._context, zmq.SUB, endpoint, options=options)
        except Exception:
            self._context.term()
            raise

    def waiting(self) -> Iterator[FrameMessage]:
        """Yield the frames that wait now, without waiting for more."""
        while self._socket.poll(0):
            try:
                message = decode_message(self._socket.recv_multipart(), self._limits)
            except DropError:
                continue
            if isinstance(message, FrameMessage):
                yield message

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()
        self._context.term()
