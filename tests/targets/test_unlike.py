"""The order of regions by how little they look like those before them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeside.targets import farthest_first

TABLES = st.tuples(st.integers(1, 25), st.integers(1, 4), st.integers(0, 2**32 - 1)).map(
    lambda drawn: np.random.default_rng(drawn[2]).integers(-4, 5, drawn[:2]).astype(float)
)
"""Small whole numbers, so that some regions look alike."""


@given(TABLES)
def test_every_region_is_given_once_and_the_first_one_first(looks_RF):
    order = list(farthest_first(looks_RF))

    assert order[0] == 0
    assert sorted(order) == list(range(len(looks_RF)))


@given(TABLES)
def test_each_is_the_one_farthest_from_those_before(looks_RF):
    order = list(farthest_first(looks_RF))
    spread_F = looks_RF.std(axis=0)
    scaled_RF = looks_RF[:, spread_F > 0] / spread_F[spread_F > 0]
    away_RR = np.linalg.norm(scaled_RF[:, None] - scaled_RF[None], axis=2)

    for given_ in range(1, len(order)):
        nearest = away_RR[np.ix_(order[given_:], order[:given_])].min(axis=1)
        assert nearest[0] == pytest.approx(nearest.max(), abs=1e-9)


@given(TABLES, st.floats(1e-6, 1e6), st.floats(-1e3, 1e3))
def test_the_unit_of_a_figure_does_not_matter(looks_RF, factor, shift):
    distinct_RF = looks_RF + 0.01 * np.random.default_rng(0).random(looks_RF.shape)
    order = list(farthest_first(distinct_RF))

    assert list(farthest_first(distinct_RF * factor + shift * factor)) == order


def test_a_region_like_one_before_waits_for_all_others():
    looks = [[1.0, 5.0], [1.0, 5.0], [9.0, 5.0], [1.0, 5.0], [4.0, 5.0], [9.0, 5.0]]

    assert list(farthest_first(looks)) == [0, 2, 4, 1, 3, 5]


def test_no_regions_give_nothing():
    assert list(farthest_first(np.empty((0, 3)))) == []
    assert list(farthest_first([])) == []


@pytest.mark.parametrize("looks", [[1.0, 2.0], [[1.0], [np.nan]], [[[1.0]]]])
def test_what_is_no_table_of_numbers_is_refused(looks):
    with pytest.raises(ValueError, match="a row for each region"):
        list(farthest_first(looks))
