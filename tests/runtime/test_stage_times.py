"""Durations of every frame: counted once, in the right bucket."""

from hypothesis import given
from hypothesis import strategies as st

from scopeside.latency import Percentiles
from scopeside.messages import Accounting
from scopeside.published import Published
from scopeside.runtime.stage_times import BOUNDS_S, WINDOW, StageTimes


def published(service_s, **stages_s):
    return Published(
        segmentation=None,
        accounting=Accounting(),
        published_ns=0,
        stages_s=stages_s,
        service_s=service_s,
        end_to_end_s=None,
    )


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50))
def test_every_frame_is_in_one_bucket_whose_bounds_hold_it(durations_s):
    times = StageTimes()
    for seconds in durations_s:
        times.add(published(seconds))
    counts = times.figures()["totals"]["service"]["counts"]
    assert sum(counts) == len(durations_s)
    for index, bound_s in enumerate(BOUNDS_S):
        assert sum(counts[: index + 1]) == sum(seconds <= bound_s for seconds in durations_s)


def test_what_the_stages_do_not_explain_is_waiting():
    times = StageTimes()
    times.add(published(1.0, embed=0.5, encode=0.25))
    # Lanes that overlap add up to more than the frame took: nothing waited then.
    times.add(published(1.0, embed=0.9, encode=0.4))
    stages = times.figures()["stages"]
    assert stages["wait"]["sum_s"] == 0.25
    assert stages["embed"]["sum_s"] == 1.4


def test_percentiles_are_of_the_last_frames_and_the_counts_of_all():
    times = StageTimes()
    for _ in range(WINDOW):
        times.add(published(50.0))
    for number in range(WINDOW):
        times.add(published(0.001 * (number + 1)))
    assert times.percentiles()["totals"]["service"]["p50_s"] == 0.001 * WINDOW / 2
    assert times.percentiles()["totals"]["service"]["max_s"] == 0.001 * WINDOW
    assert sum(times.figures()["totals"]["service"]["counts"]) == 2 * WINDOW


def test_nothing_published_has_no_percentiles():
    assert StageTimes().percentiles() == {"totals": {}, "stages": {}}


@given(st.lists(st.floats(0, 100), min_size=1, max_size=WINDOW))
def test_percentiles_are_those_that_the_terminal_shows(durations_s):
    times = StageTimes()
    for seconds in durations_s:
        times.add(published(seconds))
    shown = Percentiles.of(durations_s)
    assert times.percentiles()["totals"]["service"] == {
        "p50_s": shown.p50_s,
        "p95_s": shown.p95_s,
        "p99_s": shown.p99_s,
        "max_s": shown.max_s,
    }
