"""How alike chips should be, against cases by hand and slow definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from scopeside.pretraining.belonging import by_material, by_place, material_shares

counts = hnp.arrays(
    np.int64, st.tuples(st.integers(1, 12), st.integers(2, 4)), elements=st.integers(0, 50)
)


def shares_of(counts_PM):
    counts_PM[:, 0] += counts_PM.sum(axis=1) == 0
    return (counts_PM / counts_PM.sum(axis=1, keepdims=True)).astype(np.float32)


def test_chips_of_two_materials_are_alike_or_opposite():
    belonging = by_material(np.array([[1, 0], [1, 0], [0, 1], [0, 1]], np.float32))
    side_P = np.array([1.0, 1.0, -1.0, -1.0])
    assert belonging.cosine_PP == pytest.approx(np.outer(side_P, side_P))


def test_pure_chips_count_in_full_and_no_chip_with_itself():
    belonging = by_material(np.array([[1, 0], [1, 0], [0, 1], [0, 1]], np.float32))
    assert (belonging.weight_PP == 1.0 - np.eye(4, dtype=np.float32)).all()


@pytest.mark.parametrize(("share", "side"), [(0.7, 1.0), (0.55, 1.0), (0.45, -1.0), (0.3, -1.0)])
def test_a_chip_on_an_interface_goes_to_its_majority_and_counts_by_how_clearly(share, side):
    pure = [[1.0, 0.0]] * 4 + [[0.0, 1.0]] * 4
    mixed = [[share, 1.0 - share], [1.0 - share, share]]  # the pair keeps the mean in the middle
    belonging = by_material(np.array(pure + mixed, np.float32))
    assert belonging.cosine_PP[8, 0] == pytest.approx(side)
    assert belonging.cosine_PP[8, 4] == pytest.approx(-side)
    sharp = np.array([share, 1.0 - share]) ** 3
    sure = abs(np.diff(sharp / sharp.sum())[0]) / np.sqrt(2.0) / 0.5
    assert belonging.weight_PP[8, 0] == pytest.approx(min(1.0, sure), abs=1e-5)


def test_with_a_rare_material_a_chip_that_shows_a_little_of_it_is_not_on_its_side():
    shares_PM = np.array([[1.0, 0.0]] * 9 + [[0.0, 1.0], [0.7, 0.3]], np.float32)
    cosine_P = by_material(shares_PM).cosine_PP[10]
    assert cosine_P[0] > 0 > cosine_P[9]


def test_a_chip_like_the_mean_counts_nothing():
    belonging = by_material(np.array([[1, 0], [0, 1], [0.5, 0.5]], np.float32))
    assert (belonging.weight_PP[2] == 0).all()
    assert belonging.weight_PP[0, 1] == 1.0


def test_where_all_chips_are_of_one_material_no_pair_counts():
    belonging = by_material(np.array([[1, 0]] * 5, np.float32))
    assert (belonging.weight_PP == 0).all()
    assert np.isfinite(belonging.cosine_PP).all()


def test_three_materials_shown_alike_are_at_minus_a_half():
    belonging = by_material(np.repeat(np.eye(3, dtype=np.float32), 2, axis=0))
    other_PP = np.kron(1 - np.eye(3), np.ones((2, 2))).astype(bool)
    assert belonging.cosine_PP[other_PP] == pytest.approx(-0.5)
    assert belonging.cosine_PP[~other_PP] == pytest.approx(1.0)


@given(counts_PM=counts)
def test_belonging_by_material_is_symmetric_and_within_bounds(counts_PM):
    assert_a_belonging(by_material(shares_of(counts_PM)))


@given(
    places_P2=hnp.arrays(
        np.int64, st.tuples(st.integers(1, 12), st.just(2)), elements=st.integers(0, 150)
    )
)
def test_belonging_by_place_is_symmetric_and_within_bounds(places_P2):
    assert_a_belonging(by_place(places_P2[:, 0], places_P2[:, 1], chip_px=64))


def assert_a_belonging(belonging):
    cosine_PP, weight_PP = belonging.cosine_PP, belonging.weight_PP
    assert cosine_PP.dtype == weight_PP.dtype == np.float32
    assert cosine_PP == pytest.approx(cosine_PP.T, abs=1e-6)
    assert (weight_PP == weight_PP.T).all()
    assert np.abs(cosine_PP).max() <= 1.0 + 1e-5
    assert 0.0 <= weight_PP.min() <= weight_PP.max() <= 1.0
    assert (np.diagonal(weight_PP) == 0).all()


@given(
    layout_YX=hnp.arrays(np.int64, (17, 23), elements=st.integers(0, 3)),
    places=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 18)), min_size=1, max_size=8),
)
def test_shares_are_what_counting_pixels_gives(layout_YX, places):
    y0_P, x0_P = np.array(places).T
    shares_PM = material_shares(layout_YX, y0_P, x0_P, chip_px=5, materials=4)
    slow_PM = [
        [(layout_YX[y : y + 5, x : x + 5] == material).mean() for material in range(4)]
        for y, x in places
    ]
    assert shares_PM == pytest.approx(np.array(slow_PM))
    assert shares_PM.dtype == np.float32


@pytest.mark.parametrize(
    ("moved", "weight"),
    [
        ((0, 0), 1.0),
        ((16, 0), 0.5),
        ((0, 16), 0.5),
        ((32, 0), 0.0),
        ((64, 64), 0.0),
        ((8, 8), 0.53125),
    ],
)
def test_chips_of_one_place_count_by_what_they_share_beyond_half(moved, weight):
    y0_P, x0_P = (np.array([10, 10 + step]) for step in moved)
    belonging = by_place(y0_P, x0_P, chip_px=64)
    assert belonging.weight_PP[0, 1] == pytest.approx(weight)
    assert (belonging.cosine_PP == 1.0).all()
