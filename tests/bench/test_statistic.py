import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from scopeside.bench.statistic import holm, ratio

repeats = st.lists(st.floats(0.01, 10.0), min_size=2, max_size=6)


def compared(a, b, **options):
    return ratio(a, b, least=1e-6, **options)


@given(repeats, repeats)
def test_exchanging_the_reports_inverts_the_ratio(a, b):
    there, back = compared(a, b), compared(b, a)
    assert there.estimate == pytest.approx(1.0 / back.estimate)
    assert there.low == pytest.approx(1.0 / back.high)
    assert there.probability == pytest.approx(back.probability)


@given(repeats, repeats)
def test_the_interval_holds_1_exactly_where_the_probability_says_so(a, b):
    found = compared(a, b)
    assert found.low <= found.estimate <= found.high
    assert (found.low <= 1.0 <= found.high) == (found.probability >= 0.05 - 1e-9)


@given(repeats, repeats)
def test_it_is_welchs_test_on_logarithms(a, b):
    if np.ptp(a) < 0.01 or np.ptp(b) < 0.01:
        return
    expected = stats.ttest_ind(np.log(b), np.log(a), equal_var=False)
    found = compared(a, b, resolution=1e-9)
    assert found.probability == pytest.approx(expected.pvalue, abs=1e-6)


@settings(max_examples=5)
@given(st.integers(0, 10_000))
def test_where_nothing_changed_one_in_twenty_is_a_false_alarm(seed):
    random = np.random.default_rng(seed)
    alarms = sum(
        compared(*np.exp(0.1 * random.standard_normal((2, 5)))).probability < 0.05
        for _ in range(400)
    )
    assert alarms < 0.11 * 400


def test_repeats_that_agree_to_the_last_digit_are_known_to_their_resolution_only():
    same = compared([7.5, 7.5, 7.5], [7.5, 7.5, 7.5], resolution=0.06)
    assert same.probability == pytest.approx(1.0)
    next_up = compared([7.5, 7.5, 7.5], [7.94, 7.94, 7.94], resolution=0.06)
    assert next_up.probability > 0.005
    far = compared([7.5, 7.5, 7.5], [15.0, 15.0, 15.0], resolution=0.06)
    assert far.probability < 1e-4


def test_what_nothing_can_measure_is_no_change():
    assert compared([0.0, 1e-9], [1e-7, 0.0]).estimate == 1.0


def test_holm_multiplies_the_smallest_most_and_keeps_the_order():
    assert holm([0.04, 0.01, 0.5, 0.02]) == pytest.approx([0.08, 0.04, 0.5, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
