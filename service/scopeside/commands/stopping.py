"""Ends a run between two steps when a signal asks for it, instead of anywhere."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any


@dataclass(slots=True)
class StopFlag:
    """Set by SIGINT or SIGTERM, and looked at between sends so that no message is torn."""

    is_set: bool = False

    def __call__(self) -> bool:
        return self.is_set


@contextmanager
def stopping() -> Iterator[StopFlag]:
    """Let SIGINT and SIGTERM end the run between two messages instead of anywhere.

    Outside the main thread, where signals cannot be handled, the flag is simply never set.
    """
    flag = StopFlag()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        flag.is_set = True

    before: dict[signal.Signals, Any] = {}
    try:
        for stopper in (signal.SIGINT, signal.SIGTERM):
            try:
                before[stopper] = signal.signal(stopper, on_signal)
            except ValueError:  # not the main thread
                break
        yield flag
    finally:
        for stopper, handler in before.items():
            signal.signal(stopper, handler)
