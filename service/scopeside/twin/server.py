"""The twin's channel: a ROUTER socket that answers every request, and the frames between them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import zmq

from scopeside.binding import remove_ipc, unusable
from scopeside.errors import EndpointError, RequestError, ServiceError
from scopeside.twin.deeds import Deeds
from scopeside.twin.requests import parse_request
from scopeside.wire.control import reply_error, reply_ok

log = logging.getLogger(__name__)

POLL_MS = 50
_BACKLOG_MESSAGES = 100
_MOST_BYTES = 2**17
"""Largest message that the socket takes; a request is smaller still."""


class TwinServer:
    """Answers one request at a time; between requests it acquires, where that goes on by itself.

    A request may be garbage, the answer never is; those refused are counted. What is too large is
    cut off by the socket. Raises EndpointError where the endpoint cannot be bound.
    """

    def __init__(
        self,
        endpoint: str,
        context: zmq.Context[zmq.Socket[bytes]],
        *,
        deeds: Deeds,
        stopped: Callable[[], bool],
    ) -> None:
        self._endpoint = endpoint
        self._deeds = deeds
        self._stopped = stopped
        self.refused = 0
        self._socket = context.socket(zmq.ROUTER)
        self._socket.set_hwm(_BACKLOG_MESSAGES)
        self._socket.linger = 500
        self._socket.setsockopt(zmq.MAXMSGSIZE, _MOST_BYTES)
        try:
            self._socket.bind(endpoint)
        except zmq.ZMQError as error:
            self._socket.close()
            raise EndpointError(unusable(f'"{endpoint}"', error, attach="bind")) from error

    @property
    def address(self) -> str:
        """The endpoint as ZeroMQ resolved it."""
        resolved = self._socket.getsockopt(zmq.LAST_ENDPOINT)
        return resolved.rstrip(b"\0").decode() if isinstance(resolved, bytes) else self._endpoint

    def run(self) -> None:
        """Answer and acquire until told to stop; ends the series and closes the socket."""
        try:
            while not (self._stopped() or self._deeds.stopping):
                wait_s = self._deeds.next_frame_in_s()
                if self._socket.poll(
                    POLL_MS if wait_s is None else min(POLL_MS, int(1e3 * wait_s))
                ):
                    self._answer(self._socket.recv_multipart())
                elif wait_s is not None and self._deeds.next_frame_in_s() == 0:
                    self._go_on()
        finally:
            self._deeds.end()
            remove_ipc(self._endpoint)
            self._socket.close()

    def _go_on(self) -> None:
        try:
            self._deeds.go_on()
        except ServiceError as error:
            log.warning("acquisition ended: %s", error)

    def _answer(self, parts: list[bytes]) -> None:
        # What a REQ or a DEALER put before its message goes back as it came.
        *envelope, message = parts
        self._socket.send_multipart([*envelope, self._reply(message)])

    def _reply(self, message: bytes) -> bytes:
        request_id: Any = None
        try:
            request = parse_request(message)
            request_id = request.id
            done = self._deeds.do(request)
            if request.cmd == "state":
                done["refused"] = self.refused
            return reply_ok(request_id, **done)
        except RequestError as error:
            return self._refusal(request_id or error.request_id, error.code, str(error))
        except ServiceError as error:
            return self._refusal(request_id, "no_receiver", str(error))
        except Exception as error:
            # One request must not take the microscope from everybody else.
            log.exception("a request failed")
            return self._refusal(request_id, "internal", f"{type(error).__name__}: {error}")

    def _refusal(self, request_id: Any, code: str, sentence: str) -> bytes:
        self.refused += 1
        return reply_error(request_id, code, sentence)
