import numpy as np

from demo_messages import SHAPE, frame, segmented
from scopeside.demo.gathering import HELD_BYTES, PICTURES, Gathering, true_front
from scopeside.messages import Channel
from scopeside.wire.incoming import FrameMessage


def test_each_result_meets_its_frame_and_its_truth():
    gathering = Gathering(series="demo", frames=20)
    for number in range(20):
        gathering.frame(frame(number))
        gathering.result(segmented(number))
    assert len(gathering.tiles) == PICTURES
    assert gathering.figures[7].dose_e_per_m2 == 7e24
    assert gathering.figures[7].fractions == {1: 0.5, 2: 0.5}
    assert gathering.titles == {1: "crystal", 2: "community 2"}
    score = gathering.film.run_score()
    assert (score.frames, score.ari, score.front_error_median_px) == (20, 1.0, 0.0)
    assert "frame 1 " in gathering.tiles[0].title
    assert "dose 1e+24" in gathering.tiles[0].title


def test_dropped_frames_leave_no_picture_wanted_behind():
    gathering = Gathering(series="demo", frames=100)
    for number in range(100):
        gathering.frame(frame(number))
        if number % 10 == 9:
            gathering.result(segmented(number))
    assert len(gathering.tiles) == PICTURES
    assert len(gathering.figures) == 10


def test_frames_and_results_of_another_series_are_left_alone():
    gathering = Gathering(series="demo", frames=4)
    gathering.frame(frame(0, series="other"))
    gathering.result(segmented(0, series="other"))
    assert gathering.last is None
    assert not gathering.figures


def test_a_result_without_its_frame_counts_but_has_no_picture():
    gathering = Gathering(series="demo", frames=4)
    gathering.result(segmented(0))
    assert len(gathering.figures) == 1
    assert gathering.figures[0].dose_e_per_m2 is None
    assert not gathering.tiles


def test_frames_that_never_get_a_result_do_not_pile_up():
    gathering = Gathering(series="demo", frames=None)
    shape = (4096, 2048)  # 16 MiB each
    for number in range(HELD_BYTES // (2 * shape[0] * shape[1]) + 3):
        gathering.frame(
            FrameMessage(
                series="demo",
                number=number,
                t_ns=1,
                channels=(Channel(name="i", values=np.zeros(shape, dtype="<u2")),),
            )
        )
    gathering.result(segmented(0))  # the oldest was let go
    assert not gathering.tiles


def test_the_truth_is_taken_only_as_it_is_documented():
    assert true_front(segmented(0, front=7)).tolist() == [7.0] * SHAPE[0]
    for user in ({}, {"truth": 3}, {"truth": {"front_px": b"abc"}}, "text", ["list"]):
        assert true_front(segmented(0, user=user)) is None
