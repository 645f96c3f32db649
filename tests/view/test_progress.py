"""The progress of a transfer: bytes on a terminal, silence elsewhere."""

import os
import pty
import sys

from scopeside.view.progress import transfer


def test_on_a_terminal_the_bytes_that_came_are_shown(monkeypatch):
    ours, theirs = pty.openpty()
    with open(theirs, "w") as terminal:  # noqa: PTH123
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setenv("TERM", "xterm")
        with transfer("fetching net") as report:
            report(0, None)
            report(1_000_000, 4_000_000)
        shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert "fetching net" in shown
    assert "1.0/4.0 MB" in shown


def test_elsewhere_nothing_is_written(capsys):
    with transfer("fetching net") as report:
        report(1, 2)
    assert capsys.readouterr() == ("", "")
