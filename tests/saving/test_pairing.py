"""Frames and results come by two sockets, and belong together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeside.messages import Channel
from scopeside.saving.pairing import PATIENCE_S, HeardResult, Pairing
from scopeside.wire.incoming import EndMessage, FrameMessage, StartMessage


def frame(number, *, series="film", pixels=16, **more):
    values = np.full((1, pixels), number, "u1")
    return FrameMessage(
        series=series,
        number=number,
        t_ns=1,
        channels=(Channel(name="image", values=values),),
        **more,
    )


def heard(number, *, series="film", at_s=0.0):
    return HeardResult(series=series, frame=number, message=b"", at_s=at_s, at_ns=0)


def taken(pairing, now_s=0.0):
    return [
        (result.frame, None if facts.image_YX is None else int(facts.image_YX[0, 0]))
        for result, facts in pairing.ready(now_s=now_s)
    ]


def test_results_come_out_with_their_own_frame_and_those_before_it_are_forgotten():
    pairing = Pairing()
    for number in range(5):
        pairing.frame(frame(number))
    pairing.result(heard(1))
    pairing.result(heard(4))
    assert taken(pairing) == [(1, 1), (4, 4)]
    pairing.result(heard(3))
    assert taken(pairing, PATIENCE_S) == [(3, None)]
    assert pairing.unpaired == 1


def test_a_result_waits_for_its_frame_and_keeps_its_place():
    pairing = Pairing()
    pairing.result(heard(0))
    pairing.result(heard(1))
    assert taken(pairing) == []
    assert pairing.waiting == 2
    pairing.frame(frame(0))
    assert taken(pairing) == [(0, 0)]
    pairing.frame(frame(1))
    assert taken(pairing) == [(1, 1)]


def test_frames_that_nobody_asks_for_are_held_within_bounds():
    pairing = Pairing(held_bytes=64)
    for number in range(100):
        pairing.frame(frame(number))
    for number in (95, 99):
        pairing.result(heard(number))
    assert taken(pairing, PATIENCE_S) == [(95, None), (99, 99)]


def test_calibration_of_the_series_goes_with_frames_that_give_none():
    pairing = Pairing()
    pairing.frame(StartMessage(series="film", t_ns=1, pixel_size_m=(1e-9, 1e-9)))
    pairing.frame(frame(0, dose_e_per_m2=2.0))
    pairing.frame(frame(1, pixel_size_m=(3e-9, 3e-9)))
    pairing.frame(EndMessage(series="film", t_ns=1))
    for number in range(3):
        pairing.result(heard(number))
    facts = [facts for _, facts in pairing.ready(now_s=PATIENCE_S)]
    assert [one.pixel_size_m for one in facts] == [(1e-9, 1e-9), (3e-9, 3e-9), (1e-9, 1e-9)]
    assert [one.dose_e_per_m2 for one in facts] == [2.0, None, None]


@pytest.mark.parametrize("copies", [1, 2])
@given(
    frames=st.lists(st.integers(0, 9), max_size=12),
    results=st.lists(st.integers(0, 9), unique=True, max_size=8).map(sorted),
)
def test_every_result_comes_out_once_in_order_with_no_frame_but_its_own(copies, frames, results):
    pairing = Pairing()
    for number in frames * copies:
        pairing.frame(frame(number))
    for number in results:
        pairing.result(heard(number))
    out = taken(pairing, PATIENCE_S)
    assert [number for number, _ in out] == results
    assert all(image in (None, number) for number, image in out)
    assert pairing.waiting == 0
