"""Points visited: right in pixels and in metres, also when the stage has moved."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeside.errors import ConfigError, ServiceError
from scopeside.steering import visited as module
from scopeside.steering.visited import Visited, VisitedPoint, to_pixels
from scopeside.targets.target import to_stage
from steering_samples import halves, sample

NM = 1e-9
HERE = ((NM, 0.0, 0.0), (0.0, NM, 0.0))
MOVED = ((NM, 0.0, 100 * NM), (0.0, NM, 50 * NM))


def frame(**options):
    return sample(halves(), **options).frame


def test_a_point_stays_on_the_specimen_when_the_stage_moves():
    visited = Visited()
    visited.mark(px=[(60.0, 120.0)], frame=frame(pixel_to_stage=HERE))
    (there,) = visited.in_pixels(frame(pixel_to_stage=MOVED, series="later"))
    assert there == pytest.approx((10.0, 20.0))


def test_pixels_without_a_calibration_hold_for_their_series_only():
    visited = Visited()
    visited.mark(px=[(3.0, 4.0)], frame=frame())
    assert visited.in_pixels(frame(number=9)) == ((3.0, 4.0),)
    assert visited.in_pixels(frame(series="other")) == ()


def test_metres_need_a_frame_that_says_where_they_are():
    visited = Visited()
    visited.mark(stage_m=[(20 * NM, 10 * NM)], frame=None)
    (there,) = visited.in_pixels(frame(pixel_to_stage=HERE))
    assert there == pytest.approx((10.0, 20.0))
    with pytest.raises(ServiceError, match="came without pixel_to_stage"):
        visited.in_pixels(frame())


def test_pixels_need_a_frame():
    with pytest.raises(ServiceError, match="no frame yet"):
        Visited().mark(px=[(1.0, 2.0)], frame=None)


def test_more_points_than_are_remembered_are_refused_and_none_is_taken(monkeypatch):
    monkeypatch.setattr(module, "MOST", 3)
    visited = Visited()
    visited.mark(stage_m=[(0.0, 0.0)] * 2, frame=None)
    with pytest.raises(ConfigError, match="clear them first"):
        visited.mark(stage_m=[(0.0, 0.0)] * 2, frame=None)
    assert visited.clear() == 2
    assert visited.points == ()


numbers = st.floats(-1e3, 1e3)


@given(
    scale=st.floats(1e-3, 1e3),
    turn=st.floats(0, 6.3),
    shift=st.tuples(numbers, numbers),
    point=st.tuples(numbers, numbers),
)
def test_pixels_to_metres_and_back_are_the_same_place(scale, turn, shift, point):
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    matrix = ((cos, -sin, shift[0]), (sin, cos, shift[1]))
    back = to_pixels(matrix, to_stage(matrix, *point))
    assert back == pytest.approx(point, abs=1e-6, rel=1e-6)


def test_a_matrix_without_an_inverse_places_nothing():
    flat = ((NM, NM, 0.0), (NM, NM, 0.0))
    assert to_pixels(flat, (1.0, 2.0)) is None
    visited = Visited()
    visited.mark(stage_m=[(1.0, 2.0)], frame=None)
    assert visited.in_pixels(frame(pixel_to_stage=flat)) == ()


@pytest.mark.parametrize(
    "point",
    [
        VisitedPoint(series="s", px=(1.0, 2.0), stage_m=(3.0, 4.0)),
        VisitedPoint(series="s", px=(1.0, 2.0), stage_m=None),
        VisitedPoint(series=None, px=None, stage_m=(3.0, 4.0)),
    ],
)
def test_a_point_comes_back_from_its_map(point):
    assert VisitedPoint.from_map(point.as_map()) == point


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"series": None, "y_px": None, "x_px": None, "stage_m": None},
        {"series": None, "y_px": 1.0, "x_px": 2.0, "stage_m": None},
        {"series": "s", "y_px": 1.0, "x_px": 2.0, "stage_m": [1.0]},
        {"series": "s", "y_px": "a", "x_px": 2.0, "stage_m": None},
    ],
)
def test_a_map_that_is_no_point_is_refused(fields):
    with pytest.raises((ValueError, KeyError, TypeError)):
        VisitedPoint.from_map(fields)
