"""The open-loop schedule, on a clock of its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeside.client.pacing import Pacer
from scopeside.errors import ConfigError


class Clock:
    """A clock that moves only by sleeping, or when told."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now_s += seconds


def running() -> bool:
    return False


@given(rate_hz=st.floats(0.1, 1000.0), frames=st.integers(1, 30))
def test_every_item_goes_at_its_own_time(rate_hz, frames):
    clock = Clock()
    pacer = Pacer(rate_hz, clock=clock, sleep=clock.sleep)
    for number in range(frames):
        assert pacer.wait(number, stopped=running)
        assert clock.now_s == pytest.approx(100.0 + number / rate_hz)
    assert pacer.late == 0


def test_a_stall_is_counted_and_the_schedule_is_kept():
    clock = Clock()
    pacer = Pacer(10.0, clock=clock, sleep=clock.sleep)
    times = []
    for number in range(8):
        pacer.wait(number, stopped=running)
        times.append(round(clock.now_s - 100.0, 6))
        if number == 2:
            clock.now_s += 0.35
    assert times == [0.0, 0.1, 0.2, 0.55, 0.55, 0.55, 0.6, 0.7]
    assert pacer.late == 3
    assert pacer.worst_late_s == pytest.approx(0.25)


def test_a_jitter_well_within_a_period_is_not_late():
    clock = Clock()
    pacer = Pacer(10.0, clock=clock, sleep=clock.sleep)
    for number in range(5):
        pacer.wait(number, stopped=running)
        clock.now_s += 0.12 if number == 1 else 0.0
    assert pacer.late == 0


def test_without_a_rate_nothing_waits_and_nothing_is_late():
    clock = Clock()
    pacer = Pacer(None, clock=clock, sleep=clock.sleep)
    for number in range(5):
        assert pacer.wait(number, stopped=running)
        clock.now_s += 10.0
    assert clock.now_s == 150.0
    assert pacer.late == 0


def test_stopping_ends_a_long_wait_after_a_short_nap():
    clock = Clock()
    pacer = Pacer(0.001, clock=clock, sleep=clock.sleep)
    assert pacer.wait(0, stopped=running)
    assert not pacer.wait(1, stopped=lambda: clock.now_s > 100.2)
    assert clock.now_s < 101.0


def test_what_has_stopped_already_does_not_send():
    pacer = Pacer(None)
    assert not pacer.wait(0, stopped=lambda: True)


@pytest.mark.parametrize("rate_hz", [0.0, -1.0, float("nan")])
def test_a_rate_that_is_no_rate_is_refused(rate_hz):
    with pytest.raises(ConfigError, match="rate"):
        Pacer(rate_hz)
