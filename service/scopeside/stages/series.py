"""Which series is open, which are over, and what that means for a frame.

One series is open at a time. A `start`, or a frame of a series never heard of, opens one and ends
the one before; a series once over stays over, and its late frames are stale. Over is not yet
final: the last word on a series waits until nothing of it is in flight.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import Literal

from scopeside.errors import DropReason
from scopeside.stages.books import Books
from scopeside.stages.numbers import Arrival
from scopeside.wire import events

Why = Literal["end", "overtaken", "stopped"]
PixelSize = tuple[float, float]


class Admission(StrEnum):
    """What becomes of a frame: only a new one is computed."""

    NEW = "new"
    LATE = "late"
    DUPLICATE = "duplicate"
    STALE = "stale"


_ADMISSIONS = {
    Arrival.NEW: Admission.NEW,
    Arrival.LATE: Admission.LATE,
    Arrival.DUPLICATE: Admission.DUPLICATE,
}


@dataclass(slots=True)
class _Series:
    pixel_size_m: PixelSize | None = None
    over: bool = False


class SeriesGate:
    """Lets frames of the open series in, keeps the books of all, and tells `emit` of both ends.

    Any thread may use any method. `remembered` series keep their books; a forgotten one that
    sends again counts as a new one.
    """

    def __init__(
        self, books: Books, *, remembered: int, emit: Callable[[events.Event], None]
    ) -> None:
        self._books = books
        self._remembered = remembered
        self._emit = emit
        self._lock = Lock()
        self._known: OrderedDict[str, _Series] = OrderedDict()
        self._current: str | None = None
        self._ending: dict[str, Why] = {}  # over, but their books are not final yet
        self._untold: list[events.Event] = []
        # Held while telling, so that two threads cannot tell of an end before its beginning.
        self._telling = Lock()

    @property
    def current(self) -> str | None:
        """The open series, if any."""
        return self._current

    @property
    def known(self) -> tuple[str, ...]:
        """The series remembered, oldest first."""
        with self._lock:
            return tuple(self._known)

    def start(self, series: str, *, pixel_size_m: PixelSize | None = None) -> Admission:
        """Open `series`; harmless when it is open already, stale (and counted) when it is over."""
        with self._lock:
            known = self._known.get(series)
            if known is not None and known.over:
                self._books.reject(series, DropReason.STALE)
                return Admission.STALE
            if known is None:
                # A `start` comes before frame 0: what is not there from then on is missing.
                known = self._open(series, first=0)
            known.pixel_size_m = pixel_size_m or known.pixel_size_m
        self.settle()
        return Admission.NEW

    def admit(self, series: str, number: int) -> Admission:
        """Count a frame in, opening its series when it is unknown."""
        with self._lock:
            known = self._known.get(series) or self._open(series, first=None)
            if known.over:
                self._books.reject(series, DropReason.STALE, number)
                return Admission.STALE
            admission = _ADMISSIONS[self._books.receive(series, number)]
            untold = bool(self._untold)
        if untold:
            self.settle()
        return admission

    def end(self, series: str, *, frames: int | None = None) -> None:
        """End `series`; harmless when it is over already.

        A series of which only the end arrives is opened and over at once, so that what it lost
        is told; it overtakes nothing.
        """
        with self._lock:
            known = self._known.get(series) or self._enter(series, first=0)
            if not known.over:
                if frames is not None:
                    self._books.announce(series, frames)
                self._finish(series, "end")
        self.settle()

    def pixel_size_m(self, series: str) -> PixelSize | None:
        """Return the calibration that the `start` of the series gave."""
        with self._lock:
            known = self._known.get(series)
            return known.pixel_size_m if known else None

    def stop(self) -> None:
        """End the open series because the service stops."""
        with self._lock:
            if self._current is not None:
                self._finish(self._current, "stopped")
        self.settle()

    def settle(self) -> None:
        """Tell of series that are over and whose books are final; forget the oldest of those."""
        with self._telling:
            with self._lock:
                for series in list(self._ending):
                    accounting = self._books.final(series)
                    if accounting is not None:
                        why = self._ending.pop(series)
                        self._untold.append(events.series_ended(series, accounting, why=why))
                self._forget()
                untold, self._untold = self._untold, []
            for event in untold:
                self._emit(event)

    def _open(self, series: str, *, first: int | None) -> _Series:
        if self._current is not None:
            self._finish(self._current, "overtaken")
        self._current = series
        return self._enter(series, first=first)

    def _enter(self, series: str, *, first: int | None) -> _Series:
        self._books.open(series, first=first)
        known = self._known[series] = _Series()
        self._untold.append(events.series_started(series))
        return known

    def _finish(self, series: str, why: Why) -> None:
        self._known[series].over = True
        self._ending[series] = why
        if series == self._current:
            self._current = None

    def _forget(self) -> None:
        surplus = len(self._known) - self._remembered
        if surplus <= 0:
            return
        final = [name for name, known in self._known.items() if known.over]
        for series in [name for name in final if name not in self._ending][:surplus]:
            if self._books.forget(series):
                del self._known[series]
