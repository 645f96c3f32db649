"""Where fronts are, how fast they go and how rough they are, on label maps whose truth is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from described import CHIP, SHAPE, fronts_of, where
from scopeside.messages import Array, Front
from scopeside.stages.descriptors.boundary import CELL_PX, MOST_PAIRS, boundaries
from scopeside.stages.descriptors.fronts import REMEMBERED, FrontTracker

SECOND_NS = 10**9


def only(labels_YX: Array) -> Front:
    (front,) = fronts_of(FrontTracker(), labels_YX)
    return front


def test_a_front_along_columns_lies_between_the_pixels_that_it_parts() -> None:
    front = only(where(lambda y, x: x < 100))
    assert front.between == (1, 2)
    assert front.normal == (0.0, 1.0)
    assert front.position_px == pytest.approx(99.5)
    assert (front.y_px, front.x_px) == (pytest.approx((SHAPE[0] - 1) / 2), pytest.approx(99.5))
    assert front.length_px == pytest.approx(SHAPE[0])
    assert front.roughness_px == pytest.approx(0.0, abs=1e-9)
    assert (front.position_m, front.speed_px_per_s, front.speed_px_per_frame) == (None, None, None)


def test_the_normal_points_from_the_lower_id_to_the_higher() -> None:
    front = only(where(lambda y, x: y >= 40))
    assert front.normal == (-1.0, 0.0)
    assert front.position_px == pytest.approx(-39.5)


@settings(deadline=None, max_examples=40)
@given(st.floats(0.0, 2 * math.pi, exclude_max=True), st.floats(-40.0, 40.0))
def test_a_straight_front_is_found_whichever_way_it_faces(angle: float, offset_px: float) -> None:
    normal = np.array([math.sin(angle), math.cos(angle)])
    centre = np.array([127.5, 127.5])
    away = lambda y, x: (y - centre[0]) * normal[0] + (x - centre[1]) * normal[1]  # noqa: E731
    front = only(where(lambda y, x: away(y, x) < offset_px))
    found = np.array(front.normal)
    assert np.hypot(*found) == pytest.approx(1.0)
    # Within ten degrees of an axis it is taken for that.
    assert found @ normal > math.cos(math.radians(10.5))
    # The line found goes through the middle of the true front.
    at_centre = front.position_px - found @ centre
    assert at_centre == pytest.approx(offset_px / (found @ normal), abs=0.1 * abs(offset_px) + 1.0)
    assert front.roughness_px < 1.0


def test_a_diagonal_is_as_long_as_it_is_and_not_as_its_steps() -> None:
    front = only(where(lambda y, x: x < y))
    assert front.length_px == pytest.approx(math.sqrt(2) * 255, rel=0.04)
    assert front.position_px == pytest.approx(0.0, abs=1.0)


def test_roughness_is_the_deviation_from_the_fitted_line_and_not_the_tilt() -> None:
    y = np.arange(SHAPE[0])
    wave_px = 9.0 * np.sin(2 * np.pi * y / 64)
    for tilt in (0.0, 0.2):
        edge_px = 100.0 + wave_px + tilt * y
        front = only(where(lambda y, x, edge_px=edge_px: x < edge_px[y]))
        expected_px = 9.0 / math.sqrt(2) * math.cos(math.atan(tilt))
        assert front.roughness_px == pytest.approx(expected_px, rel=0.06)
        assert front.position_px == pytest.approx(
            np.array(front.normal) @ (y.mean(), edge_px.mean() - 0.5), abs=1.0
        )


def test_an_island_has_no_front_and_hides_none() -> None:
    island = where(lambda y, x: np.hypot(y - 128, x - 180) < 40)
    assert fronts_of(FrontTracker(), island) == ()
    both = where(lambda y, x: (x < 100) | (np.hypot(y - 128, x - 180) < 30))
    assert only(both).position_px == pytest.approx(99.5)


def test_half_a_circle_is_an_open_front() -> None:
    front = only(where(lambda y, x: np.hypot(y - 128, x) < 60))
    assert front.normal == (0.0, 1.0)
    assert front.length_px == pytest.approx(60 * math.pi, rel=0.05)


def test_communities_that_hardly_touch_have_no_front() -> None:
    corner = where(lambda y, x: y + x < CHIP / 2)
    assert fronts_of(FrontTracker(), corner) == ()


def test_a_front_that_a_third_community_cuts_is_one_front() -> None:
    labels_YX = where(lambda y, x: x < 100)
    labels_YX[110:140, 60:160] = 3
    fronts = {front.between: front for front in fronts_of(FrontTracker(), labels_YX)}
    assert fronts[1, 2].position_px == pytest.approx(99.5)
    assert fronts[1, 2].length_px == pytest.approx(SHAPE[0] - 30)
    assert list(fronts) == sorted(fronts)


def test_pixels_without_a_label_are_no_community() -> None:
    labels_YX = where(lambda y, x: x < 100)
    labels_YX[:, 90:110] = 0
    assert fronts_of(FrontTracker(), labels_YX) == ()


def run(positions: list[float], *, per_s: float = 2.0, **of_frame: object) -> list[Front]:
    """The front of each frame of a series; column positions, so many frames a second."""
    tracker = FrontTracker()
    return [
        fronts_of(
            tracker,
            where(lambda y, x, at=at: x < at),
            number,
            t_ns=round(1 + SECOND_NS * number / per_s),
            **of_frame,
        )[0]
        for number, at in enumerate(positions)
    ]


def test_the_middle_stays_where_the_position_jumps_since_the_front_turned() -> None:
    tracker = FrontTracker()
    straight, turned = (
        fronts_of(tracker, where(lambda y, x, t=tilt: x < 100 + t * (y - 127.5)), number)[0]
        for number, tilt in enumerate((0.0, 0.4))
    )
    assert abs(turned.position_px - straight.position_px) > 30.0
    assert abs(turned.x_px - straight.x_px) < 1.0
    assert abs(turned.y_px - straight.y_px) < 1.0


def test_speeds_are_known_from_the_second_sight_on_per_frame_and_per_second() -> None:
    fronts = run([50.0 + 3.0 * n for n in range(6)])
    assert (fronts[0].speed_px_per_frame, fronts[0].speed_px_per_s) == (None, None)
    for front in fronts[1:]:
        assert front.speed_px_per_frame == pytest.approx(3.0)
        assert front.speed_px_per_s == pytest.approx(6.0, rel=1e-6)
        assert front.speed_m_per_s is None


def test_speed_is_negative_where_the_first_community_loses() -> None:
    assert run([90.0, 86.0])[-1].speed_px_per_frame == pytest.approx(-4.0)


def test_one_frame_that_is_wrong_hardly_changes_the_speed() -> None:
    at = [50.0 + 3.0 * n for n in range(8)]
    at[5] += 60.0
    assert run(at)[-1].speed_px_per_frame == pytest.approx(3.0, abs=1.0)


def test_calibrated_frames_have_metres_along_the_normal() -> None:
    front = run([50.0, 53.0], pixel_size_m=(1e-10, 4e-10))[-1]
    assert front.position_m == pytest.approx(52.5 * 4e-10)
    assert front.speed_m_per_s == pytest.approx(6.0 * 4e-10, rel=1e-6)


def test_where_time_stands_still_there_is_a_speed_per_frame_alone() -> None:
    tracker = FrontTracker()
    for number, at in enumerate((50, 52)):
        (front,) = fronts_of(tracker, where(lambda y, x, at=at: x < at), number, t_ns=0)
    assert front.speed_px_per_frame == pytest.approx(2.0)
    assert front.speed_px_per_s is None


def test_frames_that_were_lost_do_not_make_a_front_faster() -> None:
    tracker = FrontTracker()
    for number in (0, 4, 10):
        at = 40 + 3 * number
        (front,) = fronts_of(tracker, where(lambda y, x, at=at: x < at), number)
    assert front.speed_px_per_frame == pytest.approx(3.0)


def test_of_two_fronts_of_a_pair_the_one_that_was_followed_is_followed() -> None:
    # A band narrows; a third community hides a part of its right front first, then of its left.
    tracker = FrontTracker()
    positions = []
    for number in range(5):
        left, right = 60 + 4 * number, 200 - 4 * number
        labels_YX = where(lambda y, x, left=left, right=right: (x >= left) & (x < right))
        labels_YX[:100, slice(128, None) if number == 0 else slice(128)] = 3
        (front,) = (one for one in fronts_of(tracker, labels_YX, number) if one.between == (1, 2))
        positions.append(front.position_px)
    assert positions == pytest.approx([-(59.5 + 4 * number) for number in range(5)])


def test_a_front_that_is_unseen_for_long_is_new_when_it_comes_back() -> None:
    tracker = FrontTracker()
    there, gone = where(lambda y, x: x < 100), np.ones(SHAPE, np.uint16)
    fronts_of(tracker, there, 0)
    for number in range(1, REMEMBERED + 1):
        assert fronts_of(tracker, gone, number) == ()
    (front,) = fronts_of(tracker, there, REMEMBERED + 1)
    assert front.speed_px_per_frame is None


def test_a_normal_that_wobbles_does_not_swing_the_position() -> None:
    tracker = FrontTracker()
    for number, tilt in enumerate((0.0, 0.1, -0.1, 0.15, -0.15, 0.2)):
        labels_YX = where(lambda y, x, tilt=tilt: x < 128 + tilt * (y - 127.5))
        (front,) = fronts_of(tracker, labels_YX, number)
        assert front.normal == (0.0, 1.0)
        assert front.position_px == pytest.approx(127.5, abs=0.6)


def test_a_front_that_turns_is_measured_along_where_it_faces_and_keeps_its_speed() -> None:
    tracker = FrontTracker()
    normals = []
    for number in range(7):
        angle = 0.1 * number
        labels_YX = where(
            lambda y, x, a=angle: (x - 127.5) * math.cos(a) + (y - 127.5) * math.sin(a) < 0
        )
        (front,) = fronts_of(tracker, labels_YX, number)
        normals.append(front.normal)
        if number:
            assert front.speed_px_per_frame == pytest.approx(0.0, abs=0.5)
    assert normals[0] == (0.0, 1.0)
    assert math.atan2(*normals[-1]) == pytest.approx(0.6, abs=math.radians(15.5))


def test_a_front_that_faces_the_other_way_is_another_one() -> None:
    tracker = FrontTracker()
    fronts_of(tracker, where(lambda y, x: x < 100), 0)
    (front,) = fronts_of(tracker, where(lambda y, x: x >= 100), 1)
    assert front.speed_px_per_frame is None
    assert front.normal == (0.0, -1.0)


def test_a_reset_forgets_where_fronts_were() -> None:
    tracker = FrontTracker()
    fronts_of(tracker, where(lambda y, x: x < 100), 0)
    tracker.reset()
    (front,) = fronts_of(tracker, where(lambda y, x: x < 104), 1)
    assert front.speed_px_per_frame is None


def test_the_pairs_of_a_frame_of_dust_are_bounded() -> None:
    labels_YX = (np.arange(64)[:, None] * 8 + np.arange(8)).astype(np.uint16) + 1
    labels_YX = np.repeat(np.repeat(labels_YX, CELL_PX, 0), CELL_PX, 1)
    assert len(list(boundaries(labels_YX, least_px=4.0))) == MOST_PAIRS


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (7, 9)])
def test_frames_of_any_size_can_be_looked_through(shape: tuple[int, int]) -> None:
    labels_YX = where(lambda y, x: x < shape[1] / 2, shape)
    for front in fronts_of(FrontTracker(), labels_YX):
        assert math.isfinite(front.position_px)


def test_a_new_time_stamp_alone_changes_no_place() -> None:
    first, second = (run([50.0, 53.0, 57.0], per_s=per_s)[-1] for per_s in (1.0, 5.0))
    assert replace(first, speed_px_per_s=None) == replace(second, speed_px_per_s=None)
