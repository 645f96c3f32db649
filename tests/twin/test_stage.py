"""Backlash, settling and drift."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeside.twin.microscope import Microscope
from scopeside.twin.optics import Optics
from scopeside.twin.stage import Axis, Stage

PLAY_M = 0.5e-9
places = st.lists(st.floats(-1e-7, 1e-7), min_size=1, max_size=8)


@given(places)
def test_the_load_is_never_farther_from_the_drive_than_half_the_play(targets):
    axis = Axis(play_m=PLAY_M)
    for target in targets:
        axis.go(target)
        assert abs(axis.load_m - axis.drive_m) <= 0.5 * PLAY_M * (1 + 1e-12)


def test_a_turn_round_loses_the_play_and_going_on_loses_nothing():
    axis = Axis(play_m=PLAY_M)
    axis.go(10e-9)
    one_way = axis.load_m
    axis.go(20e-9)
    assert axis.load_m - one_way == pytest.approx(10e-9)
    axis.go(10e-9)
    assert axis.load_m - one_way == pytest.approx(PLAY_M)


def test_a_step_within_the_play_moves_nothing():
    axis = Axis(play_m=PLAY_M)
    axis.go(5e-9)
    before = axis.load_m
    axis.go(5e-9 - 0.4 * PLAY_M)

    assert axis.load_m == before


def test_the_same_place_from_the_same_side_is_the_same_place():
    axis = Axis(play_m=PLAY_M)
    found = []
    for start in (-40e-9, -12e-9):
        axis.go(start)
        axis.go(3e-9)
        found.append(axis.load_m)

    assert found[0] == found[1]


def test_drift_is_smooth_bounded_and_begins_at_nothing():
    stage = Stage(seed=5, drift_m_per_s=0.02e-9)
    drifts = np.array([stage.drift(0.5 * step) for step in range(4000)])
    steps = np.hypot(*np.diff(drifts, axis=0).T) / 0.5

    assert stage.drift(0.0) == (0.0, 0.0)
    assert 0.3 < steps.mean() / 0.02e-9 < 3.0
    assert np.abs(drifts).max() < 0.02e-9 * 600


def test_a_move_takes_its_way_and_its_settling():
    scope = Microscope(optics=Optics(shape=(16, 16)), beam="shut")
    scope.move(30e-9, -40e-9)

    way_s = math.hypot(30e-9, 40e-9) / scope.stage.speed_m_per_s
    assert scope.clock_s == pytest.approx(way_s + scope.stage.settle_s)


def test_a_frame_says_where_the_stage_reads_and_the_truth_where_it_is():
    scope = Microscope(optics=Optics(shape=(16, 16)))
    scope.move(40e-9, 0.0)
    scope.move(30e-9, 0.0)
    exposure = scope.expose()

    assert (exposure.view.x_m, exposure.view.y_m) == (30e-9, 0.0)
    assert exposure.truth.x_m == pytest.approx(30e-9 + 0.5 * scope.stage.play_m, abs=0.1e-9)
