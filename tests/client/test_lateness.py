"""Percentiles of lateness against exact ones, and what counts as late or bunched."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeside.client.lateness import Lateness


def noted(late_s, *, period_s=0.01, late_after_s=1e-3) -> Lateness:
    lateness = Lateness()
    for number, seconds in enumerate(late_s):
        due_s = number * period_s
        lateness.note(due_s=due_s, sent_s=due_s + seconds, late_after_s=late_after_s)
    return lateness


@given(
    late_s=st.lists(st.floats(2e-6, 1e3), min_size=1, max_size=60), percent=st.floats(0.1, 100.0)
)
def test_a_percentile_is_the_exact_one_rounded_up_by_two_per_cent_at_most(late_s, percent):
    exact_s = sorted(late_s)[max(1, math.ceil(len(late_s) * percent / 100)) - 1]
    found_s = noted(late_s, period_s=0.0).percentile_s(percent)
    assert exact_s * (1 - 1e-9) <= found_s <= exact_s * 1.021


def test_nothing_noted_is_nothing_late():
    lateness = Lateness()
    assert lateness.percentile_s(99) == 0.0
    assert lateness.figures()["late"] == 0


def test_what_is_sent_before_its_time_is_not_late():
    lateness = noted([-0.5, -1.0])
    assert (lateness.late, lateness.worst_s) == (0, 0.0)


def test_a_stall_is_late_and_what_follows_it_at_once_is_bunched():
    late_s = [0.0, 0.0, 0.035, 0.0251, 0.0152, 0.0053, 0.0]
    lateness = noted(late_s)
    assert (lateness.late, lateness.bunched) == (4, 3)
    assert lateness.worst_s == pytest.approx(0.035)


def test_lateness_that_stays_the_same_is_late_but_not_bunched():
    lateness = noted([0.005] * 10)
    assert (lateness.late, lateness.bunched) == (10, 0)


def test_memory_does_not_grow_with_sends_beyond_any_bucket():
    lateness = noted([1e9, 1e-9])
    assert lateness.count == 2
    assert lateness.percentile_s(100) >= 1e4
