"""Label maps against what counting by hand says; invariants over random maps."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from contract_messages import community, packed, result
from scopeside.client import LabelMap, Result
from scopeside.errors import CalibrationError, ConfigError
from scopeside.targets import choose

NAMES = {1: "film", 2: "film", 3: "vacuum"}
label_arrays = arrays(
    np.uint16, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 4)
)

MAP = [
    [1, 1, 2, 0],
    [1, 1, 2, 3],
    [3, 3, 3, 3],
]


def label_map(labels, **calibration):
    labels_YX = np.array(labels, np.uint16)
    return LabelMap(
        labels_YX=labels_YX,
        confidence_YX=np.full(labels_YX.shape, 200, np.uint8),
        communities=tuple(SimpleNamespace(id=i, name=name) for i, name in NAMES.items()),
        **calibration,
    )


def test_a_mask_is_by_id_or_by_name_and_a_name_stands_for_all_that_bear_it():
    drawn = label_map(MAP)
    assert drawn.mask(1).tolist() == [[True, True, False, False]] * 2 + [[False] * 4]
    assert np.array_equal(drawn.mask("film"), drawn.mask(1) | drawn.mask(2))
    assert drawn.ids("film") == (1, 2)
    assert drawn.ids(7) == (7,)


def test_what_is_not_in_the_frame_covers_nothing():
    drawn = label_map(MAP, pixel_size_m=(1.0, 1.0))
    for absent in (9, "amorphous"):
        assert not drawn.mask(absent).any()
        assert drawn.points(absent) == ()
        assert drawn.area_m2(absent) == 0.0
        assert drawn.boundary(absent).shape == (0, 2)
        assert drawn.neighbours(absent) == {}


def test_an_area_is_in_square_metres_by_either_calibration():
    assert label_map(MAP, pixel_size_m=(2e-9, 3e-9)).area_m2(1) == pytest.approx(4 * 6e-18)
    turned = ((0.0, -2e-9, 1.0), (3e-9, 0.0, 5.0))
    assert label_map(MAP, pixel_to_stage=turned).area_m2("film") == pytest.approx(6 * 6e-18)


def test_positions_on_the_stage_follow_the_contracts_formula():
    drawn = label_map(MAP, pixel_to_stage=((1.0, 10.0, 100.0), (2.0, 20.0, 200.0)))
    assert drawn.to_stage([(2, 3)]).tolist() == [[3 + 20 + 100, 6 + 40 + 200]]
    assert drawn.to_stage(np.empty((0, 2))).shape == (0, 2)
    chosen = drawn.points("film")
    assert drawn.to_stage(chosen).tolist() == [list(chosen[0].stage_m)]
    assert drawn.to_stage(chosen[0]).tolist() == [list(chosen[0].stage_m)]


def test_a_frame_without_calibration_says_what_to_publish():
    drawn = label_map(MAP)
    with pytest.raises(CalibrationError, match="publish frames with pixel_to_stage"):
        drawn.to_stage([(0, 0)])
    with pytest.raises(CalibrationError, match="pixel_size_m"):
        drawn.area_m2(1)


@pytest.mark.parametrize("points", [[(1, 2, 3)], [1, 2], [("a", "b")]])
def test_what_is_no_point_is_said_to_be_none(points):
    drawn = label_map(MAP, pixel_to_stage=((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)))
    with pytest.raises(ConfigError, match=r"pairs \(y, x\)"):
        drawn.to_stage(points)


def test_a_border_is_the_middles_of_the_pixel_sides_on_it():
    drawn = label_map(MAP)
    assert drawn.boundary(1, 2).tolist() == [[0.0, 1.5], [1.0, 1.5]]
    assert drawn.boundary(1).tolist() == [[1.5, 0.0], [1.5, 1.0], [0.0, 1.5], [1.0, 1.5]]
    assert drawn.boundary("film", "vacuum").tolist() == [
        *([1.5, 0.0], [1.5, 1.0], [1.5, 2.0]),
        [1.0, 2.5],
    ]


def test_neighbours_come_with_the_length_of_the_border_the_longest_first():
    drawn = label_map(MAP)
    assert drawn.neighbours(2) == {1: 2, 3: 2}
    assert drawn.neighbours(3) == {1: 2, 2: 2}
    assert list(drawn.neighbours("film").items()) == [(3, 4)]
    assert list(label_map([[1, 2], [3, 2]]).neighbours(2)) == [1, 3]


@given(label_arrays)
def test_every_pixel_side_between_two_ids_is_counted_once(labels_YX):
    drawn = label_map(labels_YX)
    down = np.count_nonzero(labels_YX[:-1] != labels_YX[1:])
    across = np.count_nonzero(labels_YX[:, :-1] != labels_YX[:, 1:])
    lengths = [len(drawn.boundary(id_)) for id_ in range(5)]
    assert sum(lengths) == 2 * (down + across)


@given(label_arrays)
def test_borders_are_the_same_from_both_sides_and_agree_with_neighbours(labels_YX):
    drawn = label_map(labels_YX)
    for one in range(1, 5):
        shared = drawn.neighbours(one)
        for other in range(1, 5):
            border = drawn.boundary(one, other)
            assert np.array_equal(border, drawn.boundary(other, one))
            assert len(border) == shared.get(other, 0)
        assert len(drawn.boundary(one)) == sum(shared.values()) + len(drawn.boundary(one, 0))
        assert list(shared.values()) == sorted(shared.values(), reverse=True)


def test_points_are_those_of_the_services_chooser():
    labels_YX = np.ones((20, 30), np.uint16)
    labels_YX[:, 18:] = 2
    drawn = label_map(labels_YX, pixel_to_stage=((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)))
    assert drawn.points(1, 3, "random", seed=4, one_per_region=False) == choose(
        labels_YX,
        1,
        count=3,
        strategy="random",
        seed=4,
        one_per_region=False,
        confidence_YX=drawn.confidence_YX,
        pixel_to_stage=drawn.pixel_to_stage,
    )


def test_points_of_a_name_reach_across_its_ids_and_say_which_they_are_of():
    labels_YX = np.full((21, 30), 3, np.uint16)
    labels_YX[:, :8], labels_YX[:, 8:19] = 1, 2
    drawn = label_map(labels_YX)
    (middle,) = drawn.points("film")
    assert (middle.x_px, middle.clearance_px) == (9.0, 10.0)  # of all 19 columns
    assert middle.community == 2
    assert drawn.points("film", 5) == (middle,)  # one region, one point


def test_places_already_visited_are_avoided_as_targets_or_as_pairs():
    drawn = label_map(np.ones((15, 15)))
    (first,) = drawn.points(1)
    for visited in ((first,), [(first.y_px, first.x_px)]):
        (second,) = drawn.points(1, avoid_px=visited, min_distance_px=4)
        assert np.hypot(second.y_px - first.y_px, second.x_px - first.x_px) >= 4


@pytest.mark.parametrize("options", [{"strategy": "best"}, {"count": 0}, {"colour": "red"}])
def test_points_that_cannot_be_chosen_are_explained(options):
    with pytest.raises(ConfigError, match="No points can be chosen"):
        label_map(MAP).points(1, **options)


def test_a_result_gives_its_label_map_with_calibration_and_names():
    message = result(
        communities=[community(1, name="film")],
        pixel_size_m=[1e-9, 2e-9],
        pixel_to_stage=[[1, 0, 5], [0, 1, 6]],
    )
    drawn = Result.from_bytes(packed(message)).label_map
    assert drawn.area_m2("film") == pytest.approx(48 * 2e-18)
    assert drawn.to_stage([(1, 2)]).tolist() == [[7.0, 7.0]]


def test_a_result_of_an_older_service_has_no_calibration():
    drawn = Result.from_bytes(packed(result())).label_map
    assert drawn.pixel_size_m is drawn.pixel_to_stage is None
    with pytest.raises(CalibrationError, match="older"):
        drawn.to_stage([(0, 0)])
