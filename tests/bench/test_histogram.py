import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scopeside.bench.histogram import Durations

spans = st.lists(st.floats(1e-6, 3000.0), min_size=1, max_size=200)


@settings(max_examples=25)
@given(spans, st.sampled_from([50.0, 90.0, 99.0]))
def test_a_percentile_is_the_nearest_rank_to_a_thousandth(durations_s, percent):
    exact_s = np.percentile(durations_s, percent, method="inverted_cdf")
    assert Durations.of(durations_s).at(percent) == pytest.approx(exact_s, rel=2e-3, abs=1.1e-6)


@settings(max_examples=25)
@given(spans)
def test_what_is_encoded_is_read_again(durations_s):
    made = Durations.of(durations_s)
    assert Durations.decoded(made.encoded()).summary() == made.summary()


@settings(max_examples=25)
@given(spans, spans)
def test_histograms_add_up(first_s, second_s):
    whole = Durations.of(first_s)
    whole.add_all(Durations.of(second_s))
    assert whole.summary() == Durations.of(first_s + second_s).summary()


def test_the_largest_of_few_is_their_p99():
    summary = Durations.of([0.010] * 59 + [0.5]).summary()
    assert summary.p99_s == summary.max_s == pytest.approx(0.5, rel=1e-3)
    assert summary.p50_s == pytest.approx(0.010, rel=1e-3)
    assert summary.count == 60


def test_what_no_clock_can_measure_is_counted_all_the_same():
    made = Durations.of([-0.001, 0.0, 7200.0])
    assert made.count == 3
    assert made.at(1.0) == 0.0
    assert made.at(100.0) == pytest.approx(3600.0, rel=1e-3)


def test_an_empty_histogram_has_no_percentile():
    with pytest.raises(IndexError):
        Durations().at(50.0)
    assert Durations().count == 0
