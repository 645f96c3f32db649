"""Keeps what reading libraries say to themselves: their warnings, and their lines in the log."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock

_TALKATIVE = ("rsciio", "tifffile")


class _Hush:
    """Levels and warnings as they were before the first of those who want quiet; the last of them
    brings these back. Files are read in several threads at once, and each by itself would take
    another's quiet for what was there before."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._wanting = 0
        self._before = ExitStack()

    def enter(self) -> None:
        with self._lock:
            self._wanting += 1
            if self._wanting > 1:
                return
            self._before.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            for logger in map(logging.getLogger, _TALKATIVE):
                self._before.callback(logger.setLevel, logger.level)
                # Above the highest: tifffile logs damage as an error, and so could others.
                logger.setLevel(logging.CRITICAL + 1)

    def leave(self) -> None:
        with self._lock:
            self._wanting -= 1
            if self._wanting == 0:
                self._before.close()


_HUSH = _Hush()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the readers' warnings and log lines to themselves; what matters becomes an error."""
    _HUSH.enter()
    try:
        yield
    finally:
        _HUSH.leave()
