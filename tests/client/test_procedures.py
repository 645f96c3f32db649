"""The steps of a wait, one by one, without a socket that would leave messages out."""

import pytest

from contract_messages import packed, result
from scopeside.client import Result
from scopeside.client.inbox import Inbox
from scopeside.client.procedures import Hear, Line, next_result


def test_earlier_frames_and_other_series_are_passed_over_one_by_one():
    waiting = next_result(Line(None, Inbox(Result.from_bytes), "x"), 60.0, series="a", frame=4)
    assert isinstance(next(waiting), Hear)
    for frame, series in ((3, "a"), (9, "b"), (0, "a")):
        step = waiting.send(Result.from_bytes(packed(result(frame, series=series))))
        assert isinstance(step, Hear), f"frame {frame} of {series} was not asked for"
    with pytest.raises(StopIteration) as done:
        waiting.send(Result.from_bytes(packed(result(5, series="a"))))
    assert done.value.value.frame == 5, "a later one, where that was dropped"
