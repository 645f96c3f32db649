"""How a client reaches the service: one socket, its limits set before it connects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import zmq
from zmq.auth import load_certificate

from scopeside.binding import require_port, unusable
from scopeside.errors import ConfigError, EndpointError


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
    context: zmq.Context[zmq.Socket[bytes]],
    kind: int,
    endpoint: str,
    *,
    options: Mapping[zmq.SocketOption, int] | None = None,
    keys: ClientKeys | None = None,
) -> zmq.Socket[bytes]:
    """Return a socket connected to `endpoint`; `options` are set before, as ZeroMQ needs.

    A service that is not there yet is no error: the socket connects when it comes. Raises
    EndpointError for an endpoint that can never be connected.
    """
    socket = context.socket(kind)
    try:
        socket.setsockopt(zmq.LINGER, 0)
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


def reachable(endpoint: str) -> str:
    """Return where to connect to what a service binds: a wildcard address means this machine."""
    for wildcard in ("tcp://*:", "tcp://0.0.0.0:"):
        if endpoint.startswith(wildcard):
            return "tcp://127.0.0.1:" + endpoint.removeprefix(wildcard)
    return endpoint
