import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeside.bench import rates


def test_a_decade_has_forty_rates_and_the_next_is_ten_times_as_fast():
    decade = [rates.rate_hz(index) for index in range(rates.PER_DECADE + 1)]
    assert decade[0] == 1.0
    assert decade[-1] == 10.0
    assert decade == sorted(set(decade))
    ratios = [late / early for early, late in itertools.pairwise(decade)]
    assert all(1.05 < ratio < 1.07 for ratio in ratios)


@given(st.floats(0.01, 1e5))
def test_the_rate_below_is_the_largest_that_does_not_exceed(hz):
    index = rates.index_below(hz)
    assert rates.rate_hz(index) <= hz < rates.rate_hz(index + 1)


@given(st.floats(0.02, 5e4), st.floats(0.02, 5e4))
def test_the_search_finds_the_highest_rate_that_holds_and_asks_no_rate_twice(limit_hz, start_hz):
    asked = []

    def holds(rate_hz):
        asked.append(rate_hz)
        return rate_hz <= limit_hz

    found = rates.highest(holds, start_hz=start_hz)
    assert found == rates.rate_hz(rates.index_below(limit_hz))
    assert len(asked) == len(set(asked))
    assert len(asked) <= 4 + 2 * math.log2(rates.PER_DECADE * 7)


def test_where_no_rate_holds_the_search_ends():
    assert rates.highest(lambda rate_hz: False, start_hz=100.0) is None


@pytest.mark.parametrize("start_hz", [7.0, 9.0, 14.0])
def test_a_good_guess_costs_few_steps(start_hz):
    asked = []

    def holds(rate_hz):
        asked.append(rate_hz)
        return rate_hz <= 10.0

    rates.highest(holds, start_hz=start_hz)
    assert len(asked) <= 6
