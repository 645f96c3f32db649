"""What waits for what on a card, by a stand-in that counts as done what was waited for alone."""

from __future__ import annotations

import pytest

pytest.importorskip("triton", reason="Triton is not installed: pip install 'scopeside[gpu]'")

from device_bench import misled, on_device, settings_of, two_phases
from kernel_definitions import instead_of_kernels
from scopeside.device import back, contrast, front
from scopeside.device.engines import kernel
from scopeside.testing.cards import DiaryCard

COPY_IN, COMPUTE, TELL, FINISH, COPY_OUT = range(5)


@pytest.fixture
def card():
    return DiaryCard()


@pytest.fixture
def device(card, monkeypatch):
    instead_of_kernels(monkeypatch, back, contrast, front, kernel)
    device = on_device(settings_of(), card=card)
    device.segment(two_phases())
    card.diary.clear()
    return device


def test_beginning_a_frame_waits_for_nothing_and_launches_one_graph(card, device):
    device.begin(two_phases(1))
    assert card.diary == [
        f"{COMPUTE} waits for {COPY_IN}",
        f"replay in {COMPUTE}",
        f"{TELL} waits for {COMPUTE}",
        f"{COPY_OUT} waits for {TELL}",
    ]


def test_a_frame_whose_ids_were_guessed_is_finished_without_another_launch(card, device):
    begun = device.begin(two_phases(1))
    card.diary.clear()
    device.finish(begun)
    assert card.diary == [f"host waits for {TELL}", f"host waits for {COPY_OUT}"]


def test_other_ids_are_painted_once_the_guessed_map_is_out_of_the_way(card, device):
    begun = misled(device).begin(two_phases(1))
    card.diary.clear()
    device.finish(begun)
    assert card.diary == [
        f"host waits for {TELL}",
        f"{FINISH} waits for {COPY_OUT}",
        f"replay in {FINISH}",
        f"host waits for {FINISH}",
    ]


def waited_for(begun):
    """Whether anything was that this frame needs the card for."""
    marks = begun.track.lane.marks
    return any(mark.place.reached for mark in (marks.computed, marks.told, marks.downloaded))


def test_the_next_frame_need_not_be_done_for_this_one_to_be_finished(card, device):
    first = device.begin(two_phases(1))
    second = device.begin(two_phases(2))
    done = device.finish(first)
    # Its times are known, so all of it was reached; the next frame's marks were not waited for.
    assert done.stages_s["embed"] > 0
    assert not waited_for(second)


def test_nor_where_this_one_is_painted_again(card, device):
    first = misled(device).begin(two_phases(1))
    second = device.begin(two_phases(2))
    assert device.finish(first).stages_s["download"] > 0
    assert not waited_for(second)


def test_what_the_host_waits_for_goes_first_where_the_card_has_to_choose(card, device):
    assert [line.urgent for line in card.lines] == [False, False, True, True, True]


def test_two_frames_never_share_a_lane(device):
    tracks = [device.begin(two_phases(number)).track for number in (1, 2)]
    lanes = [track.lane for track in tracks]
    assert lanes[0].frame_YX.data_ptr() != lanes[1].frame_YX.data_ptr()
    assert lanes[0].rows_ND.data_ptr() != lanes[1].rows_ND.data_ptr()


def test_after_the_first_frame_only_the_published_maps_take_memory(card, device):
    card.pinned_shapes.clear()
    for number in (1, 2):
        device.segment(two_phases(number))
    misled(device).segment(two_phases(3))
    shape = two_phases().shape
    assert card.pinned_shapes == [shape] * 6


def test_a_time_asked_for_too_early_is_told(card):
    line, begun, done = card.line(), card.mark(), card.mark()
    with line.use():
        begun.set()
        done.set()
    with pytest.raises(RuntimeError, match="before the card"):
        done.seconds_since(begun)
    done.wait()
    assert done.seconds_since(begun) == 1.0


def test_every_plan_is_captured_into_memory_of_its_own(card, device):
    assert device.figures()["gpu"]["captured"]
    device.recover()
    device.segment(two_phases(1))
    assert device.figures()["gpu"]["captured"]


def test_memory_of_graphs_that_are_gone_or_of_another_line_is_refused(card):
    pool, (one, other) = card.pool(), (card.line(), card.line())
    kept = card.captured(one, print, pool=pool)
    with pytest.raises(RuntimeError, match="side by side"):
        card.captured(other, print, pool=pool)
    pool = card.pool()
    kept = card.captured(one, print, pool=pool)
    del kept
    with pytest.raises(RuntimeError, match="last graph was gone"):
        card.captured(one, print, pool=pool)
