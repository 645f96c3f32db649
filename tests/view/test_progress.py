"""The progress of a transfer: bytes on a terminal, silence elsewhere."""

import contextlib
import os
import pty
import sys

from scopeside.view.progress import transfer


def _all_of(terminal: int) -> str:
    """What was written to a terminal whose other side is closed: one read gives what is there
    so far, which may be less, and the end is an error."""
    written = b""
    with os.fdopen(terminal, "rb", buffering=0) as reader, contextlib.suppress(OSError):
        while piece := reader.read(65536):
            written += piece
    return written.decode()


def test_on_a_terminal_the_bytes_that_came_are_shown(monkeypatch):
    ours, theirs = pty.openpty()
    with open(theirs, "w") as terminal:  # noqa: PTH123
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setenv("TERM", "xterm")
        with transfer("fetching net") as report:
            report(0, None)
            report(1_000_000, 4_000_000)
    shown = _all_of(ours)
    assert "fetching net" in shown
    assert "1.0/4.0 MB" in shown


def test_elsewhere_nothing_is_written(capsys):
    with transfer("fetching net") as report:
        report(1, 2)
    assert capsys.readouterr() == ("", "")
