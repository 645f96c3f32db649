"""The books: whatever happens in whatever order, they balance and add up."""

from __future__ import annotations

from collections import Counter
from threading import Thread

import msgpack
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from scopeside.errors import DropReason, ServiceError
from scopeside.stages.books import Books
from scopeside.stages.numbers import MAX_NUMBER, Arrival
from scopeside.wire.results import accounting_map

SERIES = st.sampled_from(["a", "b", "c"])
REASONS = st.sampled_from(list(DropReason))


class BooksMachine(RuleBasedStateMachine):
    """Drives books at random beside the plainest possible model of them."""

    def __init__(self) -> None:
        super().__init__()
        self.books = Books()
        self.open: set[str] = set()
        self.flying: Counter[str] = Counter()
        self.unpublished: Counter[str] = Counter()
        self.received = 0
        self.dropped: Counter[str] = Counter()
        self.segmented = 0

    @rule(series=SERIES, first=st.none() | st.just(0))
    def opens(self, series: str, first: int | None) -> None:
        self.books.open(series, first=first)
        self.open.add(series)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), number=st.integers(0, 12) | st.integers(0, MAX_NUMBER))
    def receives(self, data: st.DataObject, number: int) -> None:
        series = data.draw(st.sampled_from(sorted(self.open)))
        arrival = self.books.receive(series, number)
        self.received += 1
        self.flying[series] += arrival is Arrival.NEW
        self.dropped["out_of_order"] += arrival is Arrival.LATE

    @rule(
        series=SERIES | st.none(),
        reason=REASONS,
        number=st.none() | st.integers(0, 12) | st.integers(0, MAX_NUMBER),
    )
    def rejects(self, series: str | None, reason: DropReason, number: int | None) -> None:
        missing = self.books.totals().missing
        self.books.reject(series, reason, number)
        assert self.books.totals().missing <= missing
        self.received += 1
        self.dropped[reason.value] += 1

    @precondition(lambda self: +self.flying)
    @rule(data=st.data(), reason=REASONS)
    def drops(self, data: st.DataObject, reason: DropReason) -> None:
        series = data.draw(st.sampled_from(sorted(+self.flying)))
        assert self.books.drop(series, reason).balanced
        self.flying[series] -= 1
        self.dropped[reason.value] += 1

    @precondition(lambda self: +self.flying)
    @rule(data=st.data())
    def segments(self, data: st.DataObject) -> None:
        series = data.draw(st.sampled_from(sorted(+self.flying)))
        accounting = self.books.segmented(series)
        assert accounting.balanced
        self.flying[series] -= 1
        self.unpublished[series] += 1
        self.segmented += 1

    @precondition(lambda self: +self.unpublished)
    @rule(data=st.data())
    def publishes(self, data: st.DataObject) -> None:
        series = data.draw(st.sampled_from(sorted(+self.unpublished)))
        self.books.published(series)
        self.unpublished[series] -= 1

    @precondition(lambda self: self.open)
    @rule(data=st.data(), frames=st.integers(0, 20))
    def announces(self, data: st.DataObject, frames: int) -> None:
        self.books.announce(data.draw(st.sampled_from(sorted(self.open))), frames)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def forgets(self, data: st.DataObject) -> None:
        series = data.draw(st.sampled_from(sorted(self.open)))
        busy = bool(self.flying[series] or self.unpublished[series])
        assert (self.books.final(series) is None) is busy
        missing = self.books.totals().missing
        assert self.books.forget(series) is not busy
        assert self.books.totals().missing == missing
        if not busy:
            self.open.remove(series)

    @invariant()
    def everything_balances(self) -> None:
        totals = self.books.totals()
        assert totals.balanced
        assert totals.received == self.received
        assert totals.segmented == self.segmented
        assert totals.in_flight == self.flying.total()
        assert dict(totals.dropped) == dict(+self.dropped)
        for series in self.open:
            books = self.books.snapshot(series)
            assert books.balanced
            assert books.in_flight == self.flying[series]
        msgpack.packb(accounting_map(totals))


TestBooksBalance = BooksMachine.TestCase
TestBooksBalance.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_broken_message_counts_for_its_series_only_where_that_is_open() -> None:
    books = Books()
    books.open("a")
    books.reject("a", DropReason.BAD_PAYLOAD, 0)
    books.reject("stranger", DropReason.BAD_SHAPE)
    books.reject(None, DropReason.BAD_TOPIC)
    assert dict(books.snapshot("a").dropped) == {"bad_payload": 1}
    assert books.totals().received == 3
    with pytest.raises(KeyError):
        books.snapshot("stranger")


def test_broken_frame_is_not_missing_because_it_arrived() -> None:
    books = Books()
    books.open("a", first=0)
    books.receive("a", 0)
    books.reject("a", DropReason.BAD_PAYLOAD, 1)
    books.receive("a", 2)
    assert books.snapshot("a").missing == 0


def test_settling_what_is_not_in_flight_is_a_fault() -> None:
    books = Books()
    books.open("a")
    for settle in (books.segmented, books.published, lambda s: books.drop(s, DropReason.COMPUTE)):
        with pytest.raises(ServiceError):
            settle("a")
        with pytest.raises(ServiceError):
            settle("unknown")
    assert books.totals().received == 0


def test_books_balance_while_threads_write_in_them() -> None:
    books = Books()
    books.open("a", first=0)
    frames = 2000
    unbalanced: list[object] = []

    def receive() -> None:
        for number in range(frames):
            books.receive("a", number)
            books.reject(None, DropReason.BAD_TOPIC)

    def settle() -> None:
        settled = 0
        while settled < frames:
            if books.snapshot("a").in_flight:
                books.segmented("a")
                settled += 1

    def look() -> None:
        for _ in range(frames):
            seen = (books.totals(), books.snapshot("a"))
            unbalanced.extend(one for one in seen if not one.balanced)

    threads = [Thread(target=work) for work in (receive, settle, look)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60.0)
    assert unbalanced == []
    assert books.totals().segmented == frames
    assert books.totals().received == 2 * frames
