"""Sends frames to the service: what an acquisition program imports."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import zmq
from zmq.auth import load_certificate

from scopeside.binding import require_port, unusable
from scopeside.client.connection import ClientKeys
from scopeside.client.exchange import ClockOffset
from scopeside.errors import ConfigError, DropError, EndpointError, ServiceError
from scopeside.messages import Array, Channel
from scopeside.wire.arrays import Buffer, Codec, short
from scopeside.wire.native import (
    TOPIC_END,
    TOPIC_FRAME,
    TOPIC_START,
    encode_end,
    encode_frame,
    encode_start,
)

_TOPICS = (TOPIC_START, TOPIC_FRAME, TOPIC_END)

Image = Array | Mapping[str, Array]


class FramePublisher:
    """Publishes one series after another over a PUB or PUSH socket.

    `socket="pub"` never waits: what a slow receiver cannot take is lost beyond `hwm_messages`.
    `socket="push"` loses nothing: `frame` waits, up to `send_timeout_s` where that is given.
    Closing waits up to `linger_s` for messages still under way. CURVE is turned on by `keys`
    for a publisher that connects, by `server_key` (its own `.key_secret` file) for one that
    binds. `offset` says how the service's clock differs from ours, for frames that do not
    say so themselves (`ClockedPublisher` brings one). Not to be shared between threads.

    Raises EndpointError where the endpoint cannot be bound or connected.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        socket: Literal["pub", "push"] = "pub",
        attach: Literal["bind", "connect"] = "bind",
        hwm_messages: int = 64,
        linger_s: float = 2.0,
        send_timeout_s: float | None = None,
        keys: ClientKeys | None = None,
        server_key: Path | None = None,
        offset: Callable[[], ClockOffset | None] | None = None,
        context: zmq.Context[zmq.Socket[bytes]] | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.series: str | None = None
        self.frames_sent = 0
        self._number = 0
        self._offset = offset
        self._send_timeout_s = send_timeout_s
        self._linger_s = linger_s
        self._subscriptions: dict[bytes, int] = {}
        self._own_context = zmq.Context() if context is None else None
        in_use = context or self._own_context or zmq.Context.instance()
        self._kind = zmq.XPUB if socket == "pub" else zmq.PUSH
        self._socket = in_use.socket(self._kind)
        try:
            # ZeroMQ applies these to connections made afterwards only.
            self._socket.setsockopt(zmq.LINGER, int(1000 * linger_s))
            self._socket.setsockopt(zmq.SNDHWM, hwm_messages)
            # Without this a socket that connects would take messages for a receiver that never
            # comes, and lose them unseen.
            self._socket.setsockopt(zmq.IMMEDIATE, 1)
            if socket == "pub":
                # Every subscription is told, not only the first for a topic: they are counted.
                self._socket.setsockopt(zmq.XPUB_VERBOSER, 1)
            if keys is not None:
                keys.apply(self._socket)
            if server_key is not None:
                _serve_curve(self._socket, server_key)
            require_port(endpoint)
            if attach == "bind":
                self._socket.bind(endpoint)
            else:
                self._socket.connect(endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise EndpointError(unusable(f'"{endpoint}"', error, attach=attach)) from error
        except ConfigError:
            self.close()
            raise

    @property
    def address(self) -> str:
        """The endpoint as ZeroMQ resolved it, with the port chosen for `tcp://...:*`."""
        resolved = self._socket.getsockopt(zmq.LAST_ENDPOINT)
        return resolved.rstrip(b"\0").decode() if isinstance(resolved, bytes) else self.endpoint

    def wait_for_subscriber(self, timeout_s: float, *, count: int = 1) -> bool:
        """Wait until `count` subscribers (PUB) or a receiver (PUSH) will get the next message.

        Without this a PUB socket loses what it sends before its subscribers have joined.
        Returns whether they came in time.
        """
        if self._kind == zmq.PUSH:
            return self.ready(timeout_s)
        until_s = time.monotonic() + timeout_s
        while self.subscribers < count:
            wait_ms = int(1000 * (until_s - time.monotonic()))
            if wait_ms <= 0 or not self._socket.poll(wait_ms, zmq.POLLIN):
                return self.subscribers >= count
        return True

    @property
    def subscribers(self) -> int:
        """How many subscribers a PUB socket knows of that get every kind of message."""
        while self._kind == zmq.XPUB and self._socket.poll(0, zmq.POLLIN):
            event = self._socket.recv()
            change = {b"\x01": 1, b"\x00": -1}.get(event[:1], 0)
            prefix = event[1:]
            self._subscriptions[prefix] = self._subscriptions.get(prefix, 0) + change
        return min(
            sum(known for prefix, known in self._subscriptions.items() if topic.startswith(prefix))
            for topic in _TOPICS
        )

    def ready(self, timeout_s: float) -> bool:
        """Wait until a message can be sent without waiting; False where that takes longer."""
        return bool(self._socket.poll(int(1000 * timeout_s), zmq.POLLOUT))

    def start(
        self,
        series: str,
        *,
        pixel_size_m: tuple[float, float] | None = None,
        user: Any = None,
        t_ns: int | None = None,
    ) -> None:
        """Begin a series, ending the one before. `series` must be new: an ended one is stale."""
        if self.series is not None:
            self.end()
        stamp_ns = time.time_ns() if t_ns is None else t_ns
        with sendable("series"):
            parts = encode_start(series=series, t_ns=stamp_ns, pixel_size_m=pixel_size_m, user=user)
        self.send(parts)
        self.series, self.frames_sent, self._number = series, 0, 0

    def frame(
        self,
        image: Image,
        *,
        number: int | None = None,
        t_ns: int | None = None,
        codec: Codec = "none",
        pixel_size_m: tuple[float, float] | None = None,
        stage: Mapping[str, float] | None = None,
        pixel_to_stage: Sequence[Sequence[float]] | None = None,
        dose_e_per_m2: float | None = None,
        clock_offset_ns: int | None = None,
        clock_uncertainty_ns: int | None = None,
        user: Any = None,
    ) -> None:
        """Send one frame of the series: `(ny, nx)` values, or several channels by name.

        The first channel is the image that is labelled. `number` counts up by itself. With
        codec `none` nothing is copied: do not change the array after sending it. Calibration,
        stage, dose and `user` may hold NumPy scalars and arrays. Raises ConfigError for a frame
        that the wire contract does not allow, and ServiceError when a PUSH socket finds no
        receiver within `send_timeout_s`.
        """
        if self.series is None:
            raise ConfigError("A frame needs a series: call start(series) before frame(image).")
        chosen = self._number if number is None else number
        named = image if isinstance(image, Mapping) else {"image": image}
        if clock_offset_ns is None and self._offset is not None and (known := self._offset()):
            clock_offset_ns, clock_uncertainty_ns = known.offset_ns, known.uncertainty_ns
        with sendable("frame"):
            parts = encode_frame(
                series=self.series,
                number=chosen,
                t_ns=time.time_ns() if t_ns is None else t_ns,
                channels=[_channel(name, values) for name, values in named.items()],
                codec=codec,
                pixel_size_m=pixel_size_m,
                stage=stage,
                pixel_to_stage=pixel_to_stage,
                dose_e_per_m2=dose_e_per_m2,
                clock_offset_ns=clock_offset_ns,
                clock_uncertainty_ns=clock_uncertainty_ns,
                user=user,
            )
        self.send(parts)
        self.frames_sent += 1
        self._number = int(chosen) + 1

    def end(self, *, frames: int | None = None, user: Any = None) -> None:
        """End the series, saying how many frames were sent; harmless where none is open."""
        if self.series is None:
            return
        with sendable("end of a series"):
            parts = encode_end(
                series=self.series,
                t_ns=time.time_ns(),
                frames=self.frames_sent if frames is None else frames,
                user=user,
            )
        self.series = None
        self.send(parts)

    def send(self, parts: Sequence[Buffer]) -> None:
        """Send one message as it is; for programs that encode (or break) their own."""
        if self._send_timeout_s is not None and not self.ready(self._send_timeout_s):
            raise ServiceError(
                f"Nobody took a message at {self.endpoint} for {self._send_timeout_s:g} s: "
                "see whether the service runs, with this endpoint and ingest.socket = "
                f"{'sub' if self._kind == zmq.XPUB else 'pull'}."
            )
        self._socket.send_multipart(parts, copy=False)

    def linger(self, seconds: float) -> None:
        """Let closing wait up to `seconds` for messages still under way, in place of before."""
        self._linger_s = seconds
        self._socket.setsockopt(zmq.LINGER, int(1000 * seconds))

    def close(self) -> None:
        """Close the socket; doing so twice is harmless."""
        self._socket.close()
        if self._own_context is not None:
            self._own_context.term()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            # A series that broke off must end too, unless the way out is blocked.
            if self.series is not None and self.ready(self._linger_s):
                self.end()
        finally:
            self.close()


@contextmanager
def sendable(what: str) -> Iterator[None]:
    """Turn what the service would drop into a ConfigError naming `what` cannot be sent."""
    try:
        yield
    except DropError as error:
        raise ConfigError(f"This {what} cannot be sent: {error}") from error


def _channel(name: str, values: Array) -> Channel:
    try:
        return Channel(name=name, values=np.asarray(values))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"Channel {short(name)} is no array: {short(str(error))}.") from error


def _serve_curve(socket: zmq.Socket[bytes], server_key: Path) -> None:
    try:
        public, secret = load_certificate(server_key)
    except (OSError, ValueError) as error:
        raise ConfigError(f"A CURVE certificate cannot be read: {error}.") from error
    if secret is None:
        raise ConfigError(f"{server_key} holds no secret key; name the .key_secret file.")
    socket.curve_server = True
    socket.curve_publickey = public
    socket.curve_secretkey = secret
