"""Whether an `ipc://` endpoint is served already.

ZeroMQ binds a file socket by deleting whatever file is there. A second program that binds the
endpoint of a running one would take it away, and neither would be told.
"""

from __future__ import annotations

import socket
from pathlib import Path


def ipc_in_use(endpoint: str) -> bool:
    """Return whether a program answers at this `ipc://` endpoint; False for every other kind.

    A file that a program left behind when it was killed is not in use: binding replaces it.
    """
    path = Path(endpoint.removeprefix("ipc://"))
    if not endpoint.startswith("ipc://") or not path.is_socket():
        return False
    with socket.socket(socket.AF_UNIX) as caller:
        try:
            caller.connect(str(path))
        except OSError:
            return False
    return True
