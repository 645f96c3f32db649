"""What SIGINT and SIGTERM do to the service."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType

from scopeside.runtime.lifecycle import Lifecycle


class Signals:
    """SIGINT and SIGTERM ask for a drain; a second one ends the process at once.

    Off the main thread (a service inside a test) signals stay as they are.
    """

    def __init__(self, lifecycle: Lifecycle) -> None:
        self._lifecycle = lifecycle
        self._before: dict[
            signal.Signals, signal.Handlers | Callable[..., object] | int | None
        ] = {}
        for one in (signal.SIGINT, signal.SIGTERM):
            try:
                self._before[one] = signal.signal(one, self._handle)
            except ValueError:
                return

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self._lifecycle.request_stop()
        for one in self._before:
            signal.signal(one, signal.SIG_DFL)

    def restore(self) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)
