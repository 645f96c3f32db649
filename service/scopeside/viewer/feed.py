"""What a viewer shows next: the newest result, and never more than it has shown.

Runs in a thread of its own (napari's thread worker); the window's thread says when it is ready.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event

from scopeside.client.connection import ClientKeys
from scopeside.client.result import Result
from scopeside.messages import Array
from scopeside.saving.hearing import Hearing

TURN_S = 0.05
"""Longest wait before the worker is asked whether it is to stop."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    """One result and its frame; `image_YX` is None where frames are not heard."""

    result: Result
    image_YX: Array | None
    pixel_size_m: tuple[float, float] | None


class Feed:
    """Hears a service and keeps its newest result for the window.

    Results that come while the window draws are replaced by newer ones: a slow window shows fewer,
    and neither memory nor the service feels it.
    """

    def __init__(
        self, results: str, *, frames: str | None = None, keys: ClientKeys | None = None
    ) -> None:
        self._hearing = Hearing(results, frames=frames, keys=keys)
        self._free = Event()
        self._free.set()

    def views(self) -> Iterator[View | None]:
        """Yield the newest view whenever the last one is shown, and None in between.

        Closes its sockets when it is closed itself.
        """
        newest: View | None = None
        try:
            while True:
                for heard, facts in self._hearing.turn(TURN_S):
                    result = Result.from_bytes(heard.message)
                    newest = View(
                        result=result,
                        image_YX=facts.image_YX,
                        pixel_size_m=facts.pixel_size_m or result.pixel_size_m,
                    )
                if newest is not None and self._free.is_set():
                    self._free.clear()
                    yield newest
                    newest = None
                else:
                    yield None
        finally:
            self._hearing.close()

    def shown(self) -> None:
        """Say that the last view is on the screen; the window's thread calls this."""
        self._free.set()
