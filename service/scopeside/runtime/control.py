"""The control endpoint: a ROUTER socket, one thread, every request answered."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from threading import Event
from typing import Any, Protocol

import zmq

from scopeside.binding import remove_ipc
from scopeside.errors import ConfigError, RequestError, ServiceError
from scopeside.stages.publish import Context, Socket, bind
from scopeside.turns import Turns
from scopeside.wire.control import (
    Clock,
    Metrics,
    NameCommunity,
    Preview,
    Request,
    RulesRequest,
    SetValues,
    Targets,
    VisitedPoints,
    parse_request,
    reply_error,
    reply_ok,
)

log = logging.getLogger(__name__)

POLL_MS = 100
BACKLOG_MESSAGES = 1000
"""Replies kept for a requester that does not read them, before ZeroMQ drops."""


class Commands(Protocol):
    """What the service does when asked; each returns the fields of its reply."""

    def status(self) -> dict[str, Any]: ...

    def config(self) -> dict[str, Any]: ...

    def metrics(self, *, percentiles: bool) -> dict[str, Any]: ...

    def preview(self, request: Preview) -> dict[str, Any]: ...

    def set_values(self, values: Mapping[str, Any]) -> dict[str, Any]: ...

    def name(self, community: int, name: str | None) -> dict[str, Any]: ...

    def reference(self) -> dict[str, Any]: ...

    def targets(self, request: Targets) -> dict[str, Any]: ...

    def visited(self, request: VisitedPoints) -> dict[str, Any]: ...

    def rules(self, request: RulesRequest) -> dict[str, Any]: ...

    def reset(self) -> dict[str, Any]: ...

    def pause(self) -> dict[str, Any]: ...

    def resume(self) -> dict[str, Any]: ...

    def drain(self) -> dict[str, Any]: ...


class ControlServer:
    """Answers one request at a time; a request may be garbage, the answer never is."""

    def __init__(
        self,
        endpoint: str,
        context: Context,
        *,
        secure: Callable[[Socket], None],
        commands: Commands,
    ) -> None:
        self._commands = commands
        self._endpoint = endpoint
        self._socket = context.socket(zmq.ROUTER)
        self._socket.set_hwm(BACKLOG_MESSAGES)
        self._socket.linger = 200
        secure(self._socket)
        bind(self._socket, endpoint, "control.endpoint")
        self.turns = Turns()

    def run(self, stop: Event) -> None:
        """Answer requests until `stop` is set; closes the socket."""
        try:
            while not stop.is_set():
                self.turns.mark()
                if self._socket.poll(POLL_MS):
                    self._answer(self._socket.recv_multipart(), time.time_ns())
        finally:
            remove_ipc(self._endpoint)
            self._socket.close()

    def _answer(self, parts: list[bytes], received_ns: int) -> None:
        # A REQ socket puts an empty part between its identity and its message; a DEALER need
        # not. What came before the message goes back as it came.
        *envelope, message = parts
        if not envelope:
            return
        self._socket.send_multipart([*envelope, self._reply(message, received_ns)])

    def _reply(self, message: bytes, received_ns: int) -> bytes:
        request_id = None
        try:
            request = parse_request(message)
            request_id = request.id
            return reply_ok(request_id, **self._do(request, received_ns))
        except RequestError as error:
            return reply_error(error.request_id, error.code, str(error))
        except ConfigError as error:
            return reply_error(request_id, "bad_value", str(error))
        except ServiceError as error:
            return reply_error(request_id, "bad_state", str(error))
        except Exception as error:
            # One request must not take the control channel from everybody else.
            log.exception("control request failed")
            return reply_error(request_id, "internal", f"{type(error).__name__}: {error}")

    def _do(self, request: Request, received_ns: int) -> dict[str, Any]:
        if isinstance(request, Clock):
            return {"t0_ns": request.t0_ns, "t1_ns": received_ns, "t2_ns": time.time_ns()}
        if isinstance(request, SetValues):
            return self._commands.set_values(request.values)
        if isinstance(request, Metrics):
            return self._commands.metrics(percentiles=request.percentiles)
        if isinstance(request, Preview):
            return self._commands.preview(request)
        if isinstance(request, NameCommunity):
            return self._commands.name(request.community, request.name)
        if isinstance(request, Targets):
            return self._commands.targets(request)
        if isinstance(request, VisitedPoints):
            return self._commands.visited(request)
        if isinstance(request, RulesRequest):
            return self._commands.rules(request)
        plain: dict[str, Callable[[], dict[str, Any]]] = {
            "ping": dict,
            "status": self._commands.status,
            "config": self._commands.config,
            "reference": self._commands.reference,
            "reset": self._commands.reset,
            "pause": self._commands.pause,
            "resume": self._commands.resume,
            "drain": self._commands.drain,
        }
        return plain[request.cmd]()
