"""Series: who is open, who is over, and that the last word comes last."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scopeside.stages.books import Books
from scopeside.stages.series import Admission, SeriesGate


class Desk:
    """A gate with its books and everything it told."""

    def __init__(self, remembered: int = 8) -> None:
        self.books = Books()
        self.events: list[dict[str, Any]] = []
        self.gate = SeriesGate(self.books, remembered=remembered, emit=self.events.append)

    def told(self) -> list[tuple[str, str]]:
        return [(event["event"], event["series"]) for event in self.events]

    def compute(self, series: str) -> None:
        self.books.segmented(series)
        self.books.published(series)
        self.gate.settle()


def test_frame_of_an_unknown_series_opens_it() -> None:
    desk = Desk()
    assert desk.gate.admit("a", 5) is Admission.NEW
    assert desk.gate.current == "a"
    assert desk.told() == [("started", "a")]
    assert desk.books.snapshot("a").missing == 0


def test_after_a_start_the_frames_before_the_first_seen_are_missing() -> None:
    desk = Desk()
    desk.gate.start("a")
    desk.gate.admit("a", 2)
    assert desk.books.snapshot("a").missing == 2


def test_repeated_start_is_harmless_and_its_calibration_counts() -> None:
    desk = Desk()
    desk.gate.start("a", pixel_size_m=(1.0, 1.0))
    desk.gate.admit("a", 0)
    assert desk.gate.start("a", pixel_size_m=(2.0, 2.0)) is Admission.NEW
    assert desk.gate.start("a") is Admission.NEW
    assert desk.gate.pixel_size_m("a") == (2.0, 2.0)
    assert desk.told() == [("started", "a")]
    assert desk.books.snapshot("a").received == 1


def test_newer_series_overtakes_and_the_older_one_becomes_stale() -> None:
    desk = Desk()
    desk.gate.admit("a", 0)
    desk.compute("a")
    desk.gate.start("b")
    assert desk.gate.admit("a", 1) is Admission.STALE
    assert desk.gate.current == "b"
    assert desk.events[-1]["why"] == "overtaken"
    assert desk.told() == [("started", "a"), ("started", "b"), ("ended", "a")]
    assert dict(desk.books.snapshot("a").dropped) == {"stale": 1}


def test_frame_after_the_end_is_stale_and_so_is_another_start() -> None:
    desk = Desk()
    desk.gate.admit("a", 0)
    desk.gate.end("a", frames=1)
    assert desk.gate.current is None
    assert desk.gate.admit("a", 1) is Admission.STALE
    assert desk.gate.start("a") is Admission.STALE
    assert dict(desk.books.snapshot("a").dropped) == {"stale": 2}
    assert desk.books.totals().received == 3


def test_late_and_duplicate_frames_are_told_apart() -> None:
    desk = Desk()
    admissions = [desk.gate.admit("a", number) for number in (0, 2, 1, 1, 2, 3)]
    assert admissions == [
        Admission.NEW,
        Admission.NEW,
        Admission.LATE,
        Admission.DUPLICATE,
        Admission.DUPLICATE,
        Admission.NEW,
    ]
    books = desk.books.snapshot("a")
    assert (books.received, books.duplicate, books.missing, books.in_flight) == (6, 2, 0, 3)
    assert dict(books.dropped) == {"out_of_order": 1}


def test_end_is_told_only_when_the_last_result_was_sent() -> None:
    desk = Desk()
    desk.gate.admit("a", 0)
    desk.gate.end("a", frames=4)
    desk.gate.settle()
    assert desk.told() == [("started", "a")]
    desk.books.segmented("a")
    desk.gate.settle()
    assert desk.told() == [("started", "a")]
    desk.books.published("a")
    desk.gate.settle()
    desk.gate.settle()
    assert desk.told() == [("started", "a"), ("ended", "a")]
    final = desk.events[-1]["accounting"]
    assert (final["received"], final["segmented"], final["missing"]) == (1, 1, 3)
    assert desk.events[-1]["why"] == "end"


def test_end_of_an_unknown_series_tells_what_was_lost_and_overtakes_nothing() -> None:
    desk = Desk()
    desk.gate.admit("a", 0)
    desk.gate.end("b", frames=10)
    assert desk.gate.current == "a"
    assert desk.told() == [("started", "a"), ("started", "b"), ("ended", "b")]
    assert desk.events[-1]["accounting"]["missing"] == 10
    assert desk.gate.admit("b", 0) is Admission.STALE


def test_repeated_end_is_harmless() -> None:
    desk = Desk()
    desk.gate.admit("a", 0)
    desk.compute("a")
    desk.gate.end("a", frames=1)
    desk.gate.end("a", frames=99)
    assert desk.told() == [("started", "a"), ("ended", "a")]
    assert desk.books.snapshot("a").missing == 0


def test_stopping_ends_the_open_series() -> None:
    desk = Desk()
    desk.gate.admit("a", 0)
    desk.compute("a")
    desk.gate.stop()
    assert desk.told() == [("started", "a"), ("ended", "a")]
    assert desk.events[-1]["why"] == "stopped"
    desk.gate.stop()
    assert len(desk.events) == 2


def test_memory_is_bounded_and_totals_survive_forgetting() -> None:
    desk = Desk(remembered=3)
    for number in range(50):
        desk.gate.start(f"s{number}")
        desk.gate.admit(f"s{number}", 1)
        desk.compute(f"s{number}")
    assert desk.gate.known == ("s47", "s48", "s49")
    totals = desk.books.totals()
    assert (totals.received, totals.segmented, totals.missing) == (50, 50, 50)
    assert totals.balanced


def test_series_with_a_frame_in_flight_is_not_forgotten() -> None:
    desk = Desk(remembered=1)
    desk.gate.admit("slow", 0)
    for number in range(5):
        desk.gate.admit(f"s{number}", 0)
        desk.compute(f"s{number}")
    desk.compute("slow")
    assert ("ended", "slow") in desk.told()
    assert desk.books.totals().in_flight == 0


actions = st.lists(
    st.tuples(
        st.sampled_from(["start", "frame", "frame", "frame", "end", "compute"]),
        st.sampled_from("abcd"),
        st.integers(0, 6),
    ),
    max_size=60,
)


@given(actions, st.integers(1, 3))
def test_any_interleaving_balances_and_every_series_ends_as_often_as_it_started(
    steps: list[tuple[str, str, int]], remembered: int
) -> None:
    desk = Desk(remembered)
    flying: list[str] = []
    for action, series, number in steps:
        if action == "start":
            desk.gate.start(series)
        elif action == "frame":
            if desk.gate.admit(series, number) is Admission.NEW:
                flying.append(series)
        elif action == "end":
            desk.gate.end(series, frames=number)
        elif flying:
            desk.compute(flying.pop(0))
        assert desk.books.totals().balanced
        assert desk.books.totals().in_flight == len(flying)
    for series in flying:
        desk.compute(series)
    desk.gate.stop()
    told = desk.told()
    for series in "abcd":
        own = [event for event, name in told if name == series]
        assert own == ["started", "ended"] * (len(own) // 2)
    for event in desk.events:
        books = event.get("accounting")
        if books:
            out = books["segmented"] + sum(books["dropped"].values()) + books["duplicate"]
            assert books["received"] == out
            assert books["in_flight"] == 0
