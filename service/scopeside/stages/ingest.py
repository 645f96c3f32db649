"""The frame socket: receives messages without copying them and feeds them to the intake.

MAXMSGSIZE stands at twice `limits.message_bytes`: a message somewhat too large arrives and is
counted, one that claims gigabytes is cut off by ZeroMQ before anything is allocated. After such
a cut a *connecting* socket does not come back by itself (measured: `DISCONNECTED` without the
`CONNECT_RETRIED` that follows when a peer merely goes away), so the socket monitor is watched
and the endpoint connected anew. A binding socket needs no such care: its peers come back.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

import zmq
from zmq.utils.monitor import recv_monitor_message

from scopeside.binding import in_use, ipc_in_use, remove_ipc, unusable
from scopeside.errors import ConfigError, DropReason, EndpointError
from scopeside.ports import MessageTap
from scopeside.settings import IngestSettings, LimitSettings
from scopeside.stages.intake import Intake
from scopeside.turns import Turns

Socket = zmq.Socket[bytes]
Secure = Callable[[Socket], None]

TURN_S = 0.05
"""Longest wait in one turn, and longest time between two looks at the monitor: bounds how late a
stop, a pause, a cut connection or a settled series is noticed."""

GRACE_S = 0.25
"""Time in which ZeroMQ would have begun to reconnect by itself (its default interval is 0.1 s)."""

MAX_GRACE_S = 4.0
"""The wait doubles up to this while a sender is cut off again and again."""

KEEPALIVE_IDLE_S = 30
"""Silence after which TCP asks whether the sender's machine still exists: one switched off says
no goodbye, and the socket would wait for it for ever."""

_FAILED_HANDSHAKE = (
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)
_WATCHED = (
    _FAILED_HANDSHAKE
    | zmq.EVENT_CONNECTED
    | zmq.EVENT_CONNECT_DELAYED
    | zmq.EVENT_CONNECT_RETRIED
    | zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_DISCONNECTED
)


def is_local(endpoint: str) -> bool:
    """Return whether only this machine can be at the other end, so that clocks are one.

    A tunnel to loopback defeats it; a sender behind one gives `clock`.
    """
    host = endpoint.partition("://")[2]
    return not endpoint.startswith("tcp://") or host.startswith(("127.", "localhost:", "[::1]:"))


def require_free(settings: IngestSettings) -> None:
    """Raise EndpointError where an endpoint to be bound is held by another program.

    It is bound only when everything is warm, which takes minutes: too late for a typing error.
    """
    if settings.attach == "bind" and in_use(settings.endpoint):
        raise _unusable(settings, zmq.ZMQError(zmq.EADDRINUSE))


def _unusable(settings: IngestSettings, error: zmq.ZMQError) -> EndpointError:
    what = f"ingest.endpoint = {settings.endpoint}"
    return EndpointError(unusable(what, error, attach=settings.attach))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Received:
    """A message as it came from the socket, and when."""

    parts: list[zmq.Frame]
    at_ns: int
    at_s: float


class Ingest:
    """Owns the frame socket from construction to the end of `run`.

    Construct it in any thread, then call `run` in one thread of its own. Raises EndpointError
    when the endpoint cannot be bound or connected. `secure` sets CURVE keys on the socket before
    that; `tap` is offered every message as it came.
    """

    def __init__(
        self,
        settings: IngestSettings,
        limits: LimitSettings,
        *,
        context: zmq.Context[Socket],
        intake: Intake,
        secure: Secure | None = None,
        tap: MessageTap | None = None,
    ) -> None:
        self._settings = settings
        self._tap = tap
        self._intake = intake
        self._max_parts = limits.parts
        self._lossless = settings.effective_policy == "lossless"
        self._bound = False
        self._lost_s: float | None = None
        self._greeted = False
        self._grace_s = GRACE_S
        self._socket = _open(settings, limits, context, secure)
        self._monitor: Socket = self._socket.get_monitor_socket(_WATCHED)
        try:
            self._attach()
        except EndpointError:
            self.close()
            raise
        self.endpoint: str = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)
        """Where frames come from, with the port that was found where the setting left it open."""
        self._held: _Received | None = None
        self._looked_s = 0.0
        self.turns = Turns()

    def run(self, stop: Event) -> None:
        """Receive until `stop` is set, then close the socket."""
        try:
            while not stop.is_set():
                self.turn()
        finally:
            self._feed_held()
            self._intake.settle()
            self.close()

    def turn(self) -> None:
        """Wait a moment for a message, and take it; now and then look at everything else."""
        self.turns.mark()
        if self._may_read():
            self._take()
        now_s = time.monotonic()
        if now_s - self._looked_s >= TURN_S:
            self._looked_s = now_s
            self._read_monitor()
            self._reconnect_if_cut()
            self._intake.settle()
            if self._tap is not None:
                self._tap.look()

    def close(self) -> None:
        """Close the socket; harmless when it is closed."""
        if not self._socket.closed:
            if self._bound:
                remove_ipc(self._settings.endpoint)
            self._socket.disable_monitor()
            self._monitor.close(linger=0)
            self._socket.close(linger=0)

    def _may_read(self) -> bool:
        """Return whether a frame may be taken from the socket, waiting a turn for it to be so."""
        if not self._lossless:
            return True
        if self._intake.paused:
            time.sleep(TURN_S)
            return False
        return self._intake.frames.wait_for_room(timeout_s=TURN_S)

    def _take(self) -> None:
        """Take a message, which may be a turn in coming, and feed it.

        One blocking call: to poll first and read without waiting then took a fifth of the rate.
        """
        if self._held is None:
            try:
                parts = self._receive()
            except zmq.Again:
                return
            self._held = _Received(parts=parts, at_ns=time.time_ns(), at_s=time.monotonic())
            self._grace_s = GRACE_S
            if self._tap is not None:
                self._tap.offer(parts, at_ns=self._held.at_ns, at_s=self._held.at_s)
        if self._lossless and self._intake.paused:
            # The pause came while this waited: what arrived after it stays unread, for us here.
            return
        self._feed_held()

    def _feed_held(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            buffers = [part.buffer for part in held.parts]
            self._intake.feed(buffers, at_ns=held.at_ns, at_s=held.at_s)

    def _receive(self) -> list[zmq.Frame]:
        """Receive one message, keeping of its parts just enough to see that they are too many."""
        part = self._socket.recv(copy=False)
        parts = [part]
        while part.more:
            part = self._socket.recv(copy=False)
            if len(parts) <= self._max_parts:
                parts.append(part)
        return parts

    def _read_monitor(self) -> None:
        while self._monitor.poll(0):
            event = recv_monitor_message(self._monitor)["event"]
            if event == zmq.EVENT_DISCONNECTED:
                self._lost_s = time.monotonic()
            elif event & _FAILED_HANDSHAKE:
                self._intake.reports.error(
                    "handshake_failed",
                    f"A peer of ingest.endpoint {self._settings.endpoint} did not complete ZeroMQ's"
                    " handshake: it speaks no ZeroMQ, or only one of the two uses CURVE.",
                )
            else:
                self._lost_s = None
                self._greeted = event == zmq.EVENT_HANDSHAKE_SUCCEEDED

    def _reconnect_if_cut(self) -> None:
        if self._settings.attach != "connect" or self._lost_s is None:
            return
        if time.monotonic() - self._lost_s < self._grace_s:
            return
        endpoint = self._settings.endpoint
        if self._greeted:
            cause = "sent a message above twice limits.message_bytes, or broke ZeroMQ's framing"
            self._intake.books.reject(None, DropReason.TOO_LARGE)
            self._intake.reports.dropped(
                DropReason.TOO_LARGE,
                f"The sender at {endpoint} {cause}.",
                series=None,
                frame=None,
            )
        else:
            cause = f"is no {'PUB' if self._settings.socket == 'sub' else 'PUSH'} socket as"
            cause += f" ingest.socket = {self._settings.socket} needs, or differs in security.curve"
        self._intake.reports.error(
            "connection_cut",
            f"The connection to ingest.endpoint {endpoint} was cut off, because its sender {cause};"
            " connecting again.",
        )
        self._lost_s = None
        self._grace_s = min(MAX_GRACE_S, 2 * self._grace_s)
        # Without this, a peer that came back by itself meanwhile would deliver everything twice.
        self._detach()
        self._attach()

    def _attach(self) -> None:
        settings = self._settings
        try:
            if settings.attach == "bind":
                if ipc_in_use(settings.endpoint):
                    raise zmq.ZMQError(zmq.EADDRINUSE)
                self._socket.bind(settings.endpoint)
                self._bound = True
            else:
                self._socket.connect(settings.endpoint)
        except zmq.ZMQError as error:
            raise _unusable(settings, error) from error

    def _detach(self) -> None:
        try:
            self._socket.disconnect(self._settings.endpoint)
        except zmq.ZMQError as error:
            # ZeroMQ has dropped the endpoint already, which is what is wanted.
            if error.errno != errno.ENOENT:
                raise


def _open(
    settings: IngestSettings,
    limits: LimitSettings,
    context: zmq.Context[Socket],
    secure: Secure | None,
) -> Socket:
    socket = context.socket(zmq.SUB if settings.socket == "sub" else zmq.PULL)
    # Limits hold only for connections made after they are set.
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVHWM, settings.hwm_messages)
    socket.setsockopt(zmq.RCVTIMEO, round(1000 * TURN_S))
    socket.setsockopt(zmq.MAXMSGSIZE, 2 * limits.message_bytes)
    socket.setsockopt(zmq.TCP_KEEPALIVE, 1)
    socket.setsockopt(zmq.TCP_KEEPALIVE_IDLE, KEEPALIVE_IDLE_S)
    if settings.socket == "sub":
        # Everything, so that a wrong topic is seen and counted instead of silently filtered.
        socket.setsockopt(zmq.SUBSCRIBE, b"")
    if secure is not None:
        try:
            secure(socket)
        except ConfigError:
            socket.close(linger=0)
            raise
    return socket
