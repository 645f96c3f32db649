"""What takes several steps, one step at a time: no socket, no clock."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace

import pytest

from scopeside.client.inbox import Inbox
from scopeside.client.procedures import Hear, Line, next_result
from scopeside.client.result import Result

NEWEST, EVERY = "newest", "every"


def line(name):
    return Line(name, Inbox(Result.from_bytes), "tcp://127.0.0.1:5556")


def came(frame, series="film"):
    return SimpleNamespace(series=series, frame=frame)


def heard(procedure, arrived):
    """Do the procedure's steps on what has arrived on each line; return its result and the steps
    that it waited for."""
    waits, step = [], next(procedure)
    try:
        while True:
            assert isinstance(step, Hear)
            waits.append((step.line, step.timeout_s))
            waiting = arrived[step.line]
            step = procedure.send(waiting.popleft() if waiting else None)
    except StopIteration as done:
        return done.value, waits


def awaited(arrived, frame):
    return heard(
        next_result(line(NEWEST), 5.0, every=line(EVERY), series="film", frame=frame), arrived
    )


def test_a_result_that_the_newest_only_line_left_out_is_found_on_the_other():
    result, waits = awaited({NEWEST: deque(), EVERY: deque([came(6), came(7)])}, frame=7)
    assert result.frame == 7
    assert waits[-1] == (NEWEST, 0.0)


def test_one_that_comes_later_is_found_at_the_next_look():
    arrived = {NEWEST: deque([None]), EVERY: deque([came(6), None, came(7)])}
    result, waits = awaited(arrived, frame=7)
    assert result.frame == 7
    assert next(wait_s for on, wait_s in waits if on == NEWEST) > 0.0


def test_the_newest_is_returned_where_both_lines_have_what_is_awaited():
    arrived = {NEWEST: deque([came(9)]), EVERY: deque([came(7), came(8)])}
    result, _ = awaited(arrived, frame=7)
    assert result.frame == 9


def test_what_is_older_or_of_another_series_is_passed_over_on_both_lines():
    arrived = {
        NEWEST: deque([came(9, "other"), came(6), came(7)]),
        EVERY: deque([came(9, "other"), came(6)]),
    }
    result, _ = awaited(arrived, frame=7)
    assert (result.series, result.frame) == ("film", 7)
    assert not arrived[EVERY]


@pytest.mark.parametrize("frame", [None, 3])
def test_without_a_second_line_the_whole_time_is_waited_at_once(frame):
    arrived = {NEWEST: deque([came(3)])}
    result, waits = heard(next_result(line(NEWEST), None, frame=frame), arrived)
    assert result.frame == 3
    assert waits == [(NEWEST, None)]
