"""Where snapshots are shown: a live panel on a terminal, lines everywhere else."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from scopeside.view import terminal
from scopeside.view.monitor import Snapshot


class Show(Protocol):
    """Shows a snapshot, and a note to the reader where there is one."""

    def __call__(self, snapshot: Snapshot, note: str) -> None: ...


@contextmanager
def display(title: str, *, plain: bool, every_s: float = 0.0) -> Iterator[Show]:
    """Yield what shows snapshots; lines come at most once in `every_s`."""
    if plain or not sys.stdout.isatty() or importlib.util.find_spec("rich") is None:
        yield _Lines(title, every_s=every_s)
        return
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    with Live(auto_refresh=False) as live:

        def show(snapshot: Snapshot, note: str) -> None:
            view = terminal.panel(snapshot, title=title)
            live.update(Group(view, Text(note, style="yellow")) if note else view, refresh=True)

        yield show


class _Lines:
    """One line for new results, or for drops where no results come.

    A note is said when it differs from the last one in its first words.
    """

    def __init__(self, title: str, *, every_s: float) -> None:
        self._every_s = every_s
        self._said_s = float("-inf")
        self._results = 0
        self._resultless_drops = 0
        self._note = ""
        sys.stderr.write(f"{title}\n")

    def __call__(self, snapshot: Snapshot, note: str) -> None:
        now_s = time.monotonic()
        if now_s - self._said_s >= self._every_s:
            if snapshot.results > self._results:
                self._say(terminal.line(snapshot), now_s)
            elif snapshot.resultless_drops > self._resultless_drops:
                self._say(terminal.drop_line(snapshot), now_s)
            self._results = snapshot.results
            self._resultless_drops = snapshot.resultless_drops
        if note.split()[:3] != self._note.split()[:3]:
            self._note = note
            if note:
                sys.stderr.write(note + "\n")

    def _say(self, line: str, now_s: float) -> None:
        self._said_s = now_s
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
