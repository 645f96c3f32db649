"""The web process's sign of life: a byte a second over a pipe, as long as its event loop turns.

A process that ended is seen by the system; one that hangs is alive to it, holds the socket, and
lets every browser wait.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress

BEAT_S = 1.0

LONGEST_LOOK_S = 5.0
"""Most that one look adds to a silence: where the service itself was stopped (by a debugger, or a
machine that slept), the web process was too, and is not to blame."""

_MANY = 65536
"""Bytes read at a time: as many as a pipe holds, and a pipe of beats never has."""


async def beat(fd: int) -> None:
    """Write a byte a second until cancelled; `fd` is the writing end, which does not block."""
    while True:
        # A full pipe: nobody has looked for hours. A closed one: the end is told elsewhere.
        with suppress(BlockingIOError, BrokenPipeError):
            os.write(fd, b".")
        await asyncio.sleep(BEAT_S)


class Beats:
    """The service's end of one process's pipe; one thread looks."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        """OSError where the system has no more pipes."""
        self._now_s = now_s
        self._fd, self.writing_fd = os.pipe()
        os.set_blocking(self._fd, False)
        os.set_blocking(self.writing_fd, False)
        self._looked_s = now_s()
        self.silent_s = 0.0
        """How long no sign came, as far as anybody has looked."""

    def handed_over(self) -> None:
        """Close the writing end here, once the process has it."""
        if self.writing_fd >= 0:
            os.close(self.writing_fd)
            self.writing_fd = -1

    def look(self) -> float:
        """Take in what came, and return `silent_s`."""
        now_s = self._now_s()
        self.silent_s += min(now_s - self._looked_s, LONGEST_LOOK_S)
        self._looked_s = now_s
        with suppress(BlockingIOError):
            if os.read(self._fd, _MANY):
                self.silent_s = 0.0
        return self.silent_s

    def close(self) -> None:
        """Close both ends; doing so twice is harmless."""
        self.handed_over()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
