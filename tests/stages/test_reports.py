"""Reports: a flood of drops is a few events, and no drop goes untold."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeside.errors import DropReason
from scopeside.stages.reports import INTERVAL_S, Reports


class Desk:
    """Reports, the clock that they go by, and what they told."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.told: list[dict[str, Any]] = []
        self.reports = Reports(self.told.append, now_s=lambda: self.now_s)

    def drop(self, frame: int, reason: DropReason = DropReason.STALE) -> None:
        self.reports.dropped(reason, f"Frame {frame} is late.", series="s", frame=frame)

    def counts(self) -> list[tuple[str, int]]:
        return [(one.get("reason") or one["code"], one["count"]) for one in self.told]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_the_first_of_a_kind_is_told_at_once_with_all_it_has_to_say(desk: Desk) -> None:
    desk.drop(7)
    desk.reports.error("connection_cut", "It was cut.")
    drop, error = desk.told
    assert (drop["kind"], drop["reason"], drop["series"], drop["frame"]) == (
        "drop",
        "stale",
        "s",
        7,
    )
    assert (drop["message"], drop["count"]) == ("Frame 7 is late.", 1)
    assert (error["kind"], error["code"], error["message"]) == (
        "error",
        "connection_cut",
        "It was cut.",
    )


def test_those_that_follow_within_a_second_are_one_event_that_describes_the_last(
    desk: Desk,
) -> None:
    for frame in range(50):
        desk.drop(frame)
    assert desk.counts() == [("stale", 1)]
    desk.now_s += INTERVAL_S
    desk.reports.flush()
    assert desk.counts() == [("stale", 1), ("stale", 49)]
    assert desk.told[-1]["frame"] == 49
    desk.now_s += INTERVAL_S
    desk.reports.flush()
    assert len(desk.told) == 2


def test_kinds_do_not_wait_for_each_other(desk: Desk) -> None:
    for _ in range(2):
        desk.drop(0)
        desk.drop(0, DropReason.BAD_DTYPE)
        desk.reports.error("stale", "A code that is named like a reason.")
    assert desk.counts() == [("stale", 1), ("bad_dtype", 1), ("stale", 1)]


def test_a_kind_that_was_quiet_for_a_second_is_told_at_once_again(desk: Desk) -> None:
    desk.drop(0)
    desk.now_s += INTERVAL_S
    desk.drop(1)
    assert desk.counts() == [("stale", 1), ("stale", 1)]


def test_at_the_end_everything_is_told_without_waiting(desk: Desk) -> None:
    for frame in range(3):
        desk.drop(frame)
    desk.reports.flush()
    assert desk.counts() == [("stale", 1)]
    desk.reports.flush(everything=True)
    assert desk.counts() == [("stale", 1), ("stale", 2)]


@given(
    st.lists(
        st.tuples(st.sampled_from(["stale", "overload", "flush"]), st.floats(0.0, 0.7)),
        max_size=60,
    )
)
def test_every_drop_is_told_once_and_no_kind_twice_a_second(steps: list[tuple[str, float]]) -> None:
    desk = Desk()
    when: dict[str, list[float]] = {"stale": [], "overload": []}
    dropped = 0
    for step, pause_s in steps:
        desk.now_s += pause_s
        before = len(desk.told)
        if step == "flush":
            desk.reports.flush()
        else:
            dropped += 1
            desk.drop(dropped, DropReason(step))
        for event in desk.told[before:]:
            when[event["reason"]].append(desk.now_s)
    desk.reports.flush(everything=True)
    assert sum(event["count"] for event in desk.told) == dropped
    for times_s in when.values():
        assert all(b - a >= INTERVAL_S for a, b in pairwise(times_s))


def test_the_interval_may_be_another() -> None:
    now_s, told = [0.0], []
    reports = Reports(told.append, now_s=lambda: now_s[0], interval_s=5.0)
    for _ in range(3):
        reports.error("full", "It is full.")
    now_s[0] = 4.9
    reports.flush()
    assert [one["count"] for one in told] == [1]
    now_s[0] = 5.0
    reports.flush()
    assert [one["count"] for one in told] == [1, 2]
