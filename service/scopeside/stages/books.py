"""Every message received is accounted for, per series and for the service as a whole.

    received = segmented + sum(dropped) + duplicate + in flight

holds whenever anybody looks: each method changes both sides under one lock.
"""

from __future__ import annotations

from collections import Counter
from threading import Lock

from scopeside.errors import DropReason, ServiceError
from scopeside.messages import Accounting
from scopeside.stages.numbers import MAX_NUMBER, Arrival, FrameNumbers


class Books:
    """The accounts of the service; any thread may use any method.

    Series that were opened and not forgotten have accounts of their own; the totals include
    them, the forgotten ones, and messages too broken to belong to a series.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._total = _Counts()
        self._series: dict[str, _SeriesBook] = {}
        self._forgotten_missing = 0

    def open(self, series: str, *, first: int | None = None) -> None:
        """Open the account of `series`; harmless when it is open already.

        Numbering begins at `first`, or at the first frame seen when None.
        """
        with self._lock:
            self._series.setdefault(series, _SeriesBook(first))

    def receive(self, series: str, number: int) -> Arrival:
        """Count a good frame in: in flight when its number is new.

        A duplicate is counted as such, a late frame as dropped `out_of_order`.
        """
        with self._lock:
            book = self._series[series]
            arrival = book.numbers.arrive(number)
            for counts in (self._total, book.counts):
                counts.received += 1
                if arrival is Arrival.DUPLICATE:
                    counts.duplicate += 1
                elif arrival is Arrival.LATE:
                    counts.dropped[DropReason.OUT_OF_ORDER] += 1
            return arrival

    def reject(self, series: str | None, reason: DropReason, number: int | None = None) -> None:
        """Count a message in and out at once: received, and dropped for `reason`.

        It belongs to the service alone when `series` is None or has no account. A `number`
        that could be read is not missing, even if its frame is of no use; the series goes on
        where it was.
        """
        with self._lock:
            self._total.reject(reason)
            book = None if series is None else self._series.get(series)
            if book is not None:
                book.counts.reject(reason)
                if number is not None:
                    book.numbers.reject(number)

    def drop(self, series: str, reason: DropReason) -> Accounting:
        """Count a frame that was in flight as dropped; return the books of its series."""
        with self._lock:
            book = self._in_flight(series)
            self._total.dropped[reason] += 1
            book.counts.dropped[reason] += 1
            return book.accounting()

    def segmented(self, series: str) -> Accounting:
        """Count a frame that was in flight as segmented; return the books of its series.

        The result that carries them is still to be sent: `published` must follow.
        """
        with self._lock:
            book = self._in_flight(series)
            self._total.segmented += 1
            book.counts.segmented += 1
            book.unpublished += 1
            return book.accounting()

    def published(self, series: str) -> None:
        """Note that a segmented frame's result was sent: it may now be the series' last."""
        with self._lock:
            book = self._series.get(series)
            if book is None or not book.unpublished:
                raise ServiceError(
                    f"The books of series {series!r} have no result that was still to be sent;"
                    " this is a fault of the program."
                )
            book.unpublished -= 1

    def final(self, series: str) -> Accounting | None:
        """Return the books of a series of which nothing is in flight or unpublished, else None."""
        with self._lock:
            book = self._series[series]
            return None if book.busy else book.accounting()

    def announce(self, series: str, frames: int) -> None:
        """Take the sender's word for how many frames the series has."""
        with self._lock:
            self._series[series].numbers.announce(frames)

    def snapshot(self, series: str) -> Accounting:
        """Return the books of one series; KeyError when it has no account."""
        with self._lock:
            return self._series[series].accounting()

    def totals(self) -> Accounting:
        """Return the books of the whole service since it began."""
        with self._lock:
            missing = sum(book.numbers.missing for book in self._series.values())
            return self._total.accounting(missing + self._forgotten_missing)

    def forget(self, series: str) -> bool:
        """Close the account of `series`, the totals staying; refused before its books are final."""
        with self._lock:
            book = self._series[series]
            if book.busy:
                return False
            self._forgotten_missing += book.numbers.missing
            del self._series[series]
            return True

    def _in_flight(self, series: str) -> _SeriesBook:
        book = self._series.get(series)
        if book is None or not book.counts.in_flight:
            raise ServiceError(
                f"The books of series {series!r} have no frame in flight that could be settled;"
                " this is a fault of the program."
            )
        return book


class _Counts:
    __slots__ = ("dropped", "duplicate", "received", "segmented")

    def __init__(self) -> None:
        self.received = 0
        self.segmented = 0
        self.duplicate = 0
        self.dropped: Counter[DropReason] = Counter()

    @property
    def in_flight(self) -> int:
        return self.received - self.segmented - self.duplicate - self.dropped.total()

    def reject(self, reason: DropReason) -> None:
        self.received += 1
        self.dropped[reason] += 1

    def accounting(self, missing: int) -> Accounting:
        return Accounting(
            received=self.received,
            segmented=self.segmented,
            missing=min(MAX_NUMBER, missing),
            duplicate=self.duplicate,
            in_flight=self.in_flight,
            dropped={reason.value: count for reason, count in sorted(self.dropped.items())},
        )


class _SeriesBook:
    __slots__ = ("counts", "numbers", "unpublished")

    def __init__(self, first: int | None) -> None:
        self.counts = _Counts()
        self.numbers = FrameNumbers(first)
        self.unpublished = 0

    @property
    def busy(self) -> bool:
        return self.counts.in_flight > 0 or self.unpublished > 0

    def accounting(self) -> Accounting:
        return self.counts.accounting(self.numbers.missing)
