"""One process at a time on one file."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from scopeside.errors import FatalError, OutputError

log = logging.getLogger(__name__)


@contextmanager
def locked(path: Path, *, refusal: FatalError | None = None) -> Iterator[None]:
    """Hold the lock that belongs to `path`, once every process that asked before let it go.

    Where another process holds it, `refusal` is raised instead of waiting, if one is given.

    The system lets it go when a process ends, however it ends. The lock's file stays: deleted, it
    would let two processes hold locks on two files of one name. On Windows nothing is locked.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    at = path.with_name(f"{path.name}.lock")
    with ExitStack() as held:
        try:
            file = held.enter_context(at.open("ab"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if refusal is not None:
                    raise refusal from None
                log.warning("another process fetches %s: waiting until it is done", path.name)
                fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            raise OutputError(f"{at} cannot be locked: {error.strerror or error}.") from error
        yield
