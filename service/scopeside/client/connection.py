"""How a client reaches the service: one socket, its limits set before it connects."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import zmq
from zmq.auth import load_certificate

from scopeside.binding import require_port, unusable
from scopeside.errors import ConfigError, EndpointError

AnySocket = TypeVar("AnySocket", bound="zmq.Socket[Any]")

HEARTBEAT_MS = 2_000
"""A connection on which nothing was heard is asked for a sign of life this often."""

DEAD_MS = 10_000
"""A connection without one for so long is given up and made anew: a machine that lost its power,
or a cable that was pulled, says no goodbye, and a subscriber would wait on it for ever."""

SLICE_S = 0.5
"""Longest single wait: on Windows Ctrl-C does not end a wait inside ZeroMQ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientKeys:
    """CURVE certificates of a client: the service's public one and the client's secret one."""

    server: Path
    client: Path

    def apply(self, socket: zmq.Socket[bytes]) -> None:
        """Set the keys on a socket that is not yet connected; ConfigError for unusable files."""
        try:
            server_public, _ = load_certificate(self.server)
            public, secret = load_certificate(self.client)
        except (OSError, ValueError) as error:
            raise ConfigError(f"A CURVE certificate cannot be read: {error}.") from error
        if secret is None:
            raise ConfigError(f"{self.client} holds no secret key; name the .key_secret file.")
        socket.curve_serverkey = server_public
        socket.curve_publickey = public
        socket.curve_secretkey = secret


def connected(
    context: zmq.Context[AnySocket],
    kind: int,
    endpoint: str,
    *,
    options: Mapping[zmq.SocketOption, int] | None = None,
    keys: ClientKeys | None = None,
) -> AnySocket:
    """Return a socket connected to `endpoint`; `options` are set before, as ZeroMQ needs.

    A service that is not there yet is no error: the socket connects when it comes. Raises
    EndpointError for an endpoint that can never be connected.
    """
    socket = context.socket(kind)
    try:
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)
        socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, DEAD_MS)
        for option, value in (options or {}).items():
            socket.setsockopt(option, value)
        if keys is not None:
            keys.apply(socket)
        if kind == zmq.SUB:
            socket.setsockopt(zmq.SUBSCRIBE, b"")
        require_port(endpoint)
        socket.connect(endpoint)
    except zmq.ZMQError as error:
        socket.close()
        raise EndpointError(unusable(f'"{endpoint}"', error, attach="connect")) from error
    except ConfigError:
        socket.close()
        raise
    return socket


def waits_ms(timeout_s: float | None) -> Iterator[int]:
    """Yield the milliseconds to wait for a message, again and again until `timeout_s` is over.

    At least one is yielded, 0 where there is no time; None goes on for ever.
    """
    until_s = math.inf if timeout_s is None else time.monotonic() + timeout_s
    while True:
        left_s = max(0.0, until_s - time.monotonic())
        yield math.ceil(1000 * min(SLICE_S, left_s))
        if time.monotonic() >= until_s:
            return


def reachable(endpoint: str) -> str:
    """Return where to connect to what a service binds: a wildcard address means this machine."""
    for wildcard in ("tcp://*:", "tcp://0.0.0.0:"):
        if endpoint.startswith(wildcard):
            return "tcp://127.0.0.1:" + endpoint.removeprefix(wildcard)
    return endpoint
