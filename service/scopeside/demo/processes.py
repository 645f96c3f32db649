"""Child processes that are always ended, and whose failure is told in their own last words.

They end when this process does, however it ends (`scopeside.tethered`).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from scopeside.errors import OutputError, ServiceError

STOP_S = 15.0
"""Time a child gets to end by itself after SIGTERM; the service drains for 5 s by default."""

TAIL_LINES = 8


class Child:
    """One `scopeside` command as a process of its own, its output kept in `log`."""

    def __init__(self, arguments: Sequence[str], *, log: Path) -> None:
        self.name = f"scopeside {arguments[0]}"
        self.log = log
        try:
            self._output = log.open("wb")
        except OSError as error:
            raise OutputError(f"The log {log} cannot be written: {error}.") from error
        self._process = subprocess.Popen(
            # -P: a folder called scopeside where the user stands (a clone) is not the package.
            [sys.executable, "-P", "-m", "scopeside.tethered", *arguments],
            stdin=subprocess.PIPE,  # never written to: its end is the word to stop
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def require_healthy(self) -> None:
        """Raise ServiceError, with the end of its log, where it ended with an error."""
        code = self.exit_code
        if code:
            raise ServiceError(f"{self.name} ended with exit code {code}: {self._last_words()}")

    def require_running(self) -> None:
        """Raise ServiceError where it ended, for whatever reason."""
        self.require_healthy()
        if self.exit_code is not None:
            raise ServiceError(f"{self.name} ended too early: {self._last_words()}")

    def stop(self) -> None:
        """Ask it to end, and end it if it does not; doing so twice is harmless."""
        if self.exit_code is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._output.close()

    def _last_words(self) -> str:
        text = self.log.read_text(encoding="utf-8", errors="replace").strip()
        return "\n".join(text.splitlines()[-TAIL_LINES:]) or f"nothing was written to {self.log}."


@contextmanager
def children() -> Iterator[ExitStack]:
    """Yield a stack for `Child.stop` callbacks; SIGTERM unwinds it as Ctrl-C does."""
    before = None
    in_main = threading.current_thread() is threading.main_thread()
    if in_main:
        before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with ExitStack() as stack:
            yield stack
    finally:
        if in_main:
            signal.signal(signal.SIGTERM, before)


def free_endpoints(count: int) -> list[str]:
    """Return loopback endpoints whose ports were free a moment ago, all different."""
    with ExitStack() as held:
        ports = []
        for _ in range(count):
            probe = held.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            ports.append(probe.getsockname()[1])
    return [f"tcp://127.0.0.1:{port}" for port in ports]


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
