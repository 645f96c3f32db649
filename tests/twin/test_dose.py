"""No electron is lost and none is counted twice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeside.twin.damage import DoseMap
from scopeside.twin.microscope import Microscope
from scopeside.twin.optics import Optics

EXTENT_M = 100e-9
nanometres = st.floats(-30.0, 30.0).map(lambda value: value * 1e-9)
lengths = st.floats(0.3, 39.0).map(lambda value: value * 1e-9)


@given(x_m=nanometres, y_m=nanometres, width_m=lengths, height_m=lengths)
def test_a_rectangle_on_the_film_leaves_all_its_electrons_there(x_m, y_m, width_m, height_m):
    dose = DoseMap(EXTENT_M)
    dose.expose(x_m, y_m, width_m=width_m, height_m=height_m, electrons=1e6)

    assert dose.electrons == pytest.approx(1e6, rel=1e-9)


@given(x_m=st.floats(-3.0, 3.0).map(lambda value: value * EXTENT_M), width_m=lengths)
def test_what_misses_the_film_is_not_on_it(x_m, width_m):
    dose = DoseMap(EXTENT_M)
    dose.expose(x_m, 0.0, width_m=width_m, height_m=10e-9, electrons=1e6)
    inside_m = min(x_m + width_m / 2, EXTENT_M / 2) - max(x_m - width_m / 2, -EXTENT_M / 2)

    assert dose.electrons == pytest.approx(1e6 * max(0.0, inside_m) / width_m, rel=1e-6, abs=1e-3)


def test_dose_is_the_electrons_over_the_area():
    dose = DoseMap(EXTENT_M)
    dose.expose(0.0, 0.0, width_m=20e-9, height_m=10e-9, electrons=2e6)

    assert dose.at(np.array([0.0]), np.array([0.0]))[0, 0] == pytest.approx(1e22)
    assert dose.at(np.array([40e-9]), np.array([0.0]))[0, 0] == 0.0


def microscope(**given_) -> Microscope:
    return Microscope(**{"optics": Optics(shape=(16, 24)), "fov_m": 20e-9} | given_)


def test_the_books_of_electrons_balance_over_moves_waits_and_frames():
    scope = microscope()
    scope.expose()
    scope.move(35e-9, -20e-9)
    scope.wait(0.4)
    scope.fov_m = 40e-9
    scope.expose(0.1)

    assert scope.electrons == pytest.approx(scope.optics.electrons_per_s * scope.clock_s, rel=1e-9)
    assert scope.specimen.dose.electrons == pytest.approx(scope.electrons, rel=1e-9)


def test_a_frame_adds_its_dose_and_a_wider_field_less_of_it():
    scope = microscope(beam="exposing")
    scope.expose()
    first = scope.expose().dose_e_per_m2
    wide = microscope(beam="exposing", fov_m=80e-9).expose().dose_e_per_m2

    assert first == pytest.approx(2 * scope.optics.dose_e_per_m2(20e-9, scope.dwell_s), rel=1e-3)
    assert wide == pytest.approx(first / 2 / 16, rel=1e-3)


def test_a_beam_that_is_let_through_for_exposures_burns_only_then():
    scope = microscope(beam="exposing")
    scope.move(50e-9, 0.0)
    scope.wait(10.0)
    scope.expose(0.1)

    assert scope.electrons == pytest.approx(0.1 * scope.optics.electrons_per_s)


def test_a_shut_beam_gives_dark_frames_and_no_dose():
    scope = microscope(beam="shut")
    dark = scope.expose().counts_YX
    scope.beam = "open"
    bright = scope.expose().counts_YX

    assert scope.optics.dark_counts / 3 < dark.mean() < 3 * scope.optics.dark_counts
    assert bright.mean() > 50 * dark.mean()
    assert scope.electrons == pytest.approx(
        scope.optics.electrons_per_s * (scope.dwell_s + scope.optics.readout_s)
    )


def test_counts_are_the_electrons_that_the_film_let_through():
    scope = microscope()
    expected = scope.optics.counts(scope.fov_m, scope.dwell_s)
    shots = [scope.expose().counts_YX for _ in range(4)]

    assert np.mean(shots) == pytest.approx(expected, rel=0.15)
