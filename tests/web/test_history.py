"""A whole run in bounded memory, and viewers that are told what they lack."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from scopeside.web.history import Cursor, History


def points(history):
    return history.since(Cursor(0, 0))["points"]


@given(count=st.integers(0, 3000), most=st.integers(4, 50))
def test_a_run_of_any_length_is_held_from_its_beginning_evenly(count, most):
    history = History(most)
    for number in range(count):
        history.add({"t": float(number)})
    held = [point["t"] for point in points(history)]
    assert len(held) <= most
    assert held == sorted(set(held))
    if count:
        assert held[0] == 0.0
        gaps = [after - before for before, after in pairwise(held)]
        # The end is never further away than the points are apart.
        assert count - 1 - held[-1] <= max(gaps, default=0.0)
        assert max(gaps, default=1.0) <= 2.5 * min(gaps, default=1.0)


@given(st.lists(st.integers(1, 40), max_size=20), st.integers(4, 30))
def test_a_viewer_that_reads_now_and_then_has_what_the_history_has(batches, most):
    history, seen, cursor, t = History(most), [], Cursor(0, 0), 0.0
    for size in batches:
        for _ in range(size):
            history.add({"t": t})
            t += 1.0
        told = history.since(cursor)
        seen = told["points"] if told["anew"] else seen + told["points"]
        cursor = Cursor(told["version"], told["count"])
        assert seen == points(history)


def test_what_is_forgotten_is_taken_from_viewers_too():
    history = History()
    history.add({"t": 1.0})
    told = history.since(Cursor(0, 0))
    history.clear()
    again = history.since(Cursor(told["version"], told["count"]))
    assert again["anew"]
    assert again["points"] == []
