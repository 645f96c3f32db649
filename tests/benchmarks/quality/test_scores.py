from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from quality.scores import Scores, boundary_f, filled, mean_scores, score
from quality.sets import IGNORED

maps = hnp.arrays(np.uint8, (7, 9), elements=st.integers(1, 4))


def halves(column: int, *, shape: tuple[int, int] = (20, 20)) -> np.ndarray:
    return np.where(np.arange(shape[1]) < column, 1, 2) * np.ones(shape, dtype=np.uint8)


def test_boundaries_within_the_tolerance_count_as_found():
    # Two pixels wide on both maps, three columns apart: 9, 10 and 12, 13.
    assert boundary_f(halves(13), halves(10), tolerance_px=3.0) == 1.0
    assert boundary_f(halves(13), halves(10), tolerance_px=2.0) == 0.5
    assert boundary_f(halves(13), halves(10), tolerance_px=1.0) == 0.0


def test_a_boundary_too_many_costs_precision_alone():
    three = np.where(np.arange(20) < 4, 1, np.where(np.arange(20) < 10, 2, 3)) * np.ones((20, 1))
    assert boundary_f(three, halves(10), tolerance_px=0.0) == pytest.approx(2 / 3)
    assert boundary_f(halves(10), three, tolerance_px=0.0) == pytest.approx(2 / 3)


def test_maps_without_boundaries_agree_with_each_other_alone():
    plain = np.ones((20, 20), dtype=np.uint8)
    assert boundary_f(plain, plain, tolerance_px=4.0) == 1.0
    assert boundary_f(plain, halves(10), tolerance_px=4.0) == 0.0
    assert boundary_f(halves(10), plain, tolerance_px=4.0) == 0.0


@given(maps)
def test_a_map_has_its_own_boundaries(labels):
    assert boundary_f(labels, labels, tolerance_px=0.0) == 1.0


@given(maps, maps, st.floats(0.0, 4.0))
def test_boundaries_know_no_names_no_direction_and_no_order(first, second, tolerance_px):
    found = boundary_f(first, second, tolerance_px=tolerance_px)
    assert 0.0 <= found <= 1.0
    assert boundary_f(10 - first, second, tolerance_px=tolerance_px) == found
    assert boundary_f(first.T, second.T, tolerance_px=tolerance_px) == pytest.approx(found)
    assert boundary_f(second, first, tolerance_px=tolerance_px) == pytest.approx(found)


@given(maps, maps)
def test_a_wider_tolerance_never_finds_less(first, second):
    values = [boundary_f(first, second, tolerance_px=wide) for wide in (0.0, 1.0, 2.0, 9.0)]
    assert values == sorted(values)


def test_what_is_ignored_takes_the_nearest_class():
    truth = np.array([[0, 0, IGNORED, IGNORED, 1, 1]], dtype=np.uint8)
    assert filled(truth).tolist() == [[0, 0, 0, 1, 1, 1]]
    nothing = np.full((2, 2), IGNORED, dtype=np.uint8)
    assert np.array_equal(filled(nothing), nothing)


@given(maps, hnp.arrays(np.uint8, (7, 9), elements=st.sampled_from([0, 1])))
def test_ignored_pixels_count_for_nobody(labels, truth):
    truth[0, 0], truth[0, 1] = 0, 1
    ignored = truth.copy()
    ignored[3:] = IGNORED
    other = labels.copy()
    other[3:] = 9
    first, second = (score(one, ignored, tolerance_px=1.0) for one in (labels, other))
    assert (first.ari, first.iou_many, first.iou_one) == (
        second.ari,
        second.iou_many,
        second.iou_one,
    )


def test_a_perfect_map_scores_one_whatever_its_ids():
    found = score(halves(10) * 7, halves(10) - 1, tolerance_px=0.0)
    assert found == Scores(ari=1.0, iou_many=1.0, iou_one=1.0, boundary_f=1.0, communities=2.0)


def test_a_class_divided_in_two_costs_the_one_to_one_score_alone():
    three = np.where(np.arange(20) < 5, 3, halves(10))
    found = score(three, halves(10) - 1, tolerance_px=0.0)
    assert found.iou_many == 1.0
    assert found.iou_one == pytest.approx(0.75)


def test_frames_weigh_alike():
    ones = Scores(ari=1.0, iou_many=1.0, iou_one=1.0, boundary_f=1.0, communities=3.0)
    zeros = Scores(ari=0.0, iou_many=0.0, iou_one=0.0, boundary_f=0.0, communities=2.0)
    assert mean_scores([ones, zeros, zeros, zeros]).ari == 0.25
