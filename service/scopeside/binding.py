"""Endpoints that are to be bound: whether another program has one already, and what to say then.

ZeroMQ binds a file socket by deleting whatever file is there: a second program that binds the
endpoint of a running one would take it away, and neither would be told. And it leaves the file
behind when it closes the socket.
"""

from __future__ import annotations

import errno
import socket
from contextlib import suppress
from pathlib import Path
from typing import Literal

import zmq

MOST_PORT = 65535


def in_use(endpoint: str) -> bool:
    """Return whether another program holds this `tcp://` or `ipc://` endpoint; no trace is left."""
    return ipc_in_use(endpoint) or _tcp_in_use(endpoint)


def unusable(what: str, error: zmq.ZMQError, *, attach: Literal["bind", "connect"]) -> str:
    """Return the sentence for an endpoint, named by `what`, that ZeroMQ refused, with its fix."""
    # Not `error.strerror`: pyzmq puts the address into it, which `what` has already.
    reason = zmq.strerror(error.errno or 0)
    fix = (
        "stop the program that holds it, or choose another endpoint"
        if error.errno == zmq.EADDRINUSE
        else f"choose another, as tcp://HOST:PORT (up to {MOST_PORT}) or ipc://FILE"
    )
    return f"{what} cannot be {'bound' if attach == 'bind' else 'connected'} ({reason}): {fix}."


def require_port(endpoint: str) -> None:
    """Raise ZMQError where the port of a `tcp://` endpoint is none: ZeroMQ itself would take port
    70000 as 4464 and 55x as 55."""
    port = endpoint.rpartition(":")[2]
    known = port == "*" or (port.isascii() and port.isdecimal() and int(port) <= MOST_PORT)
    if endpoint.startswith("tcp://") and not known:
        raise zmq.ZMQError(zmq.EINVAL)


def ipc_in_use(endpoint: str) -> bool:
    """Return whether a program answers at this `ipc://` endpoint; False for every other kind.

    A file that a program left behind when it was killed is not in use: binding replaces it.
    """
    path = _file(endpoint)
    if path is None:
        return False
    with socket.socket(socket.AF_UNIX) as caller:
        try:
            caller.connect(str(path))
        except OSError:
            return False
    return True


def remove_ipc(endpoint: str) -> None:
    """Remove the file of an endpoint that the caller has bound, before the socket is closed.

    In this order a program that binds it next cannot lose its own file. A file that cannot be
    removed does no harm: the next to bind replaces it.
    """
    path = _file(endpoint)
    if path is not None:
        with suppress(OSError):
            path.unlink()


def _tcp_in_use(endpoint: str) -> bool:
    """Bind the port without listening: no sender that waits for it can take us for the service.

    To be accepted by a ZeroMQ socket of the wrong kind would stop such a sender for good.
    """
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    if not endpoint.startswith("tcp://") or not port.isdecimal() or int(port) > MOST_PORT:
        return False
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    address = {"*": "0.0.0.0", "localhost": "127.0.0.1"}.get(host, host.strip("[]"))
    try:
        socket.inet_pton(family, address)
    except OSError:
        return False  # a name: of a host or a network card, which ZeroMQ knows how to look up
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As ZeroMQ does: connections of a program that has ended do not hold its port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, int(port)))
        except OSError as error:
            return error.errno == errno.EADDRINUSE  # anything else is for ZeroMQ to say
    return False


def _file(endpoint: str) -> Path | None:
    path = Path(endpoint.removeprefix("ipc://"))
    return path if endpoint.startswith("ipc://") and path.is_socket() else None
