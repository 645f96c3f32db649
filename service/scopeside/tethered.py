"""`python -m scopeside.tethered COMMAND ...`: the `scopeside` command, until its parent is gone.

Standard input is a pipe that the parent holds open and never writes to. The system closes it when
the parent ends, also when it is killed and can end nobody: then the command is told to stop as by
SIGTERM, and ended where it does not. A pipe does that on every system; the death signal of a parent
is Linux's alone, and comes when the *thread* that started the process ends.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

from scopeside.cli import INTERRUPTED, main

GRACE_S = 15.0
"""Time to end by itself; a service drains for 5 s by default."""


def tether(fd: int, *, grace_s: float = GRACE_S) -> None:
    """End this process when the pipe behind `fd` is closed; never returns before."""
    # Past Python's own stream, whose lock a thread that waits would hold while Python ends.
    while os.read(fd, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(grace_s)
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    threading.Thread(target=tether, args=(sys.stdin.fileno(),), daemon=True).start()
    sys.exit(main())
