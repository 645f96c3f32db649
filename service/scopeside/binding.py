"""The files of `ipc://` endpoints: whether one is served already, and their end.

ZeroMQ binds a file socket by deleting whatever file is there: a second program that binds the
endpoint of a running one would take it away, and neither would be told. And it leaves the file
behind when it closes the socket.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path


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


def _file(endpoint: str) -> Path | None:
    path = Path(endpoint.removeprefix("ipc://"))
    return path if endpoint.startswith("ipc://") and path.is_socket() else None
