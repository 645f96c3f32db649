import pytest

from bench_samples import step
from scopeside.bench.step import frames_of
from scopeside.settings import BenchSettings


def test_a_rate_holds_when_nothing_is_lost_and_p99_is_within_the_target():
    assert step(5.0, target_s=0.2).holds
    assert not step(5.0, target_s=0.1).holds
    assert not step(5.0, target_s=0.2, lost=1).holds


def test_a_step_without_any_result_does_not_hold_and_has_no_p99():
    none = step(5.0, frames=3, lost=3)
    assert none.p99_s is None
    assert not none.holds
    assert none.lost == 3


@pytest.mark.parametrize(("rate_hz", "frames"), [(1.0, 40), (3.99, 40), (4.05, 41), (100.0, 1000)])
def test_a_step_lasts_its_seconds_and_offers_no_fewer_than_the_least(rate_hz, frames):
    assert frames_of(BenchSettings(seconds=10.0, least_frames=40), rate_hz) == frames
