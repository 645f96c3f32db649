"""Crystallinity, spacing and orientation against simulated lattices whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from described import SHAPE, counted, lattice, told
from scopeside.messages import Float32
from scopeside.testing.lattice import amorphous_speckle, smooth_field, standardised

DOSES = (50.0, 400.0)


def apart(a: float, b: float) -> float:
    """Angle between two directions, modulo pi."""
    turned = abs(a - b) % math.pi
    return min(turned, math.pi - turned)


def speckle(seed: int) -> Float32:
    return amorphous_speckle(SHAPE, period_px=6.5, generator=np.random.default_rng(seed))


@pytest.mark.parametrize("spacing_px", [4.3, 6.1, 7.3, 9.0, 12.5])
def test_spacing_is_within_three_per_cent_and_orientation_within_two_degrees(
    spacing_px: float,
) -> None:
    for seed in range(4):
        fringes_YX, angle = lattice(spacing_px, seed=seed)
        for dose in DOSES:
            found = told(counted(fringes_YX, dose=dose, seed=seed), pixel_size_m=(2e-11, 2e-11))
            assert found["spacing_px"] == pytest.approx(spacing_px, rel=0.03)
            assert found["spacing_m"] == pytest.approx(2e-11 * spacing_px, rel=0.03)
            assert found["orientation_rad"] is not None
            assert 0 <= found["orientation_rad"] < math.pi
            assert apart(found["orientation_rad"], angle) < math.radians(2.0)


def test_an_angle_counts_from_x_towards_y_which_points_down() -> None:
    y_YX, x_YX = np.indices(SHAPE)
    for angle in (0.0, 0.5, 1.6, 2.5, 3.1):
        along_YX = math.cos(angle) * x_YX + math.sin(angle) * y_YX
        found = told(counted(np.sin(2 * np.pi * along_YX / 8.0), dose=400.0))["orientation_rad"]
        assert found is not None
        assert apart(found, angle) < math.radians(0.5)


def test_pixels_that_are_not_square_stretch_the_spacing_in_metres() -> None:
    x_YX = np.indices(SHAPE)[1]
    image_YX = counted(np.sin(2 * np.pi * x_YX / 8.0), dose=400.0)
    assert told(image_YX, pixel_size_m=(1e-10, 2e-10))["spacing_m"] == pytest.approx(
        16e-10, rel=0.01
    )
    assert told(image_YX.T.copy(), pixel_size_m=(1e-10, 2e-10))["spacing_m"] == pytest.approx(
        8e-10, rel=0.01
    )
    assert told(image_YX)["spacing_m"] is None


def test_crystallinity_falls_with_every_step_from_lattice_to_amorphous_film() -> None:
    fringes_YX, _ = lattice(7.3)
    shares = np.linspace(0.0, 1.0, 8)
    found = [
        told(
            counted(math.sqrt(1.0 - share) * fringes_YX + math.sqrt(share) * speckle(7), dose=400.0)
        )["crystallinity"]
        for share in shares
    ]
    assert (np.diff(np.array(found, float)) < 0).all()
    assert found[0] > 0.9
    assert found[-1] < 0.02


def displaced_lattice(sigma: float, *, spacing_px: float = 7.3) -> Float32:
    """A hexagonal lattice whose points stray by `sigma` spacings, neighbours much alike."""
    generator = np.random.default_rng(3)
    strays = [smooth_field(SHAPE, length_px=5.0, generator=generator) for _ in range(2)]
    y_YX, x_YX = (
        axis_YX + sigma * spacing_px * stray_YX
        for axis_YX, stray_YX in zip(np.indices(SHAPE), strays, strict=True)
    )
    waves = [
        np.cos(2 * np.pi * (math.cos(angle) * x_YX + math.sin(angle) * y_YX) / spacing_px)
        for angle in 0.3 + np.pi / 3 * np.arange(3)
    ]
    return standardised(np.sum(waves, axis=0))


@pytest.mark.parametrize("dose", [100.0, 2000.0])
def test_crystallinity_falls_with_every_step_of_disorder_in_the_lattice(dose: float) -> None:
    # What is left of a reflection's power is exp(-(2 pi sigma)^2): 1, 0.87, 0.67, 0.46, ...
    sigmas = (0.0, 0.06, 0.10, 0.14, 0.18, 0.22, 0.26)
    found = [
        told(counted(displaced_lattice(sigma), dose=dose))["crystallinity"] for sigma in sigmas
    ]
    assert (np.diff(np.array(found, float)) < 0).all()
    for sigma, crystallinity in zip(sigmas, found, strict=True):
        left = math.exp(-((2 * math.pi * sigma) ** 2))
        assert crystallinity == pytest.approx(left, abs=0.15)


@pytest.mark.parametrize("spacing_px", [26.0, 30.0, 45.0])
def test_a_spacing_too_coarse_for_a_chip_is_nil_and_not_that_of_its_flank(
    spacing_px: float,
) -> None:
    for angle in (0.0, 0.4, 1.6, 2.6):
        y_YX, x_YX = np.indices(SHAPE)
        along_YX = math.cos(angle) * x_YX + math.sin(angle) * y_YX
        image_YX = counted(np.sin(2 * np.pi * along_YX / spacing_px), dose=400.0)
        assert told(image_YX)["spacing_px"] is None


def test_an_amorphous_film_has_neither_spacing_nor_direction() -> None:
    for seed in range(4):
        found = told(counted(speckle(seed), dose=400.0, seed=seed))
        assert found["crystallinity"] < 0.02
        assert (found["spacing_px"], found["orientation_rad"]) == (None, None)


def test_shot_noise_alone_is_no_order() -> None:
    for seed in range(4):
        found = told(counted(np.zeros(SHAPE), dose=100.0, seed=seed))
        assert found["crystallinity"] < 0.05
        assert found["spacing_px"] is None


def test_two_sets_of_fringes_alike_have_a_spacing_and_no_dominant_direction() -> None:
    y_YX, x_YX = np.indices(SHAPE)
    square_YX = np.sin(2 * np.pi * x_YX / 8.0) + np.sin(2 * np.pi * y_YX / 8.0)
    found = told(counted(square_YX / 1.4, dose=400.0))
    assert found["spacing_px"] == pytest.approx(8.0, rel=0.01)
    assert found["orientation_rad"] is None


def test_grains_turned_against_each_other_are_as_crystalline_as_one() -> None:
    y_YX, x_YX = np.indices(SHAPE)
    turned = [
        np.sin(2 * np.pi * (math.cos(a) * x_YX + math.sin(a) * y_YX) / 8.0)
        for a in (0.2, 1.1, 2.0, 2.8)
    ]
    quarter_YX = 2 * (y_YX >= 128) + (x_YX >= 128)
    found = told(counted(np.choose(quarter_YX, turned), dose=400.0))
    assert found["crystallinity"] > 0.85
    assert found["spacing_px"] == pytest.approx(8.0, rel=0.03)


def test_gain_and_offset_of_the_camera_change_no_order() -> None:
    fringes_YX, _ = lattice(7.3)
    counts_YX = counted(fringes_YX, dose=400.0)
    plain, bright = told(counts_YX), told(7.0 * counts_YX.astype(np.float64) + 1e6)
    for name in ("crystallinity", "spacing_px", "orientation_rad", "entropy_bits"):
        assert bright[name] == pytest.approx(plain[name], rel=1e-3)


@pytest.mark.parametrize("shape", [(15, 15), (1, 1), (12, 200)])
def test_frames_too_small_for_a_spectrum_have_no_order_and_are_described(
    shape: tuple[int, int],
) -> None:
    image_YX = np.random.default_rng(0).poisson(400.0, shape).astype(np.uint16)
    found = told(image_YX)
    assert (found["crystallinity"], found["spacing_px"]) == (None, None)
    assert (found["entropy_bits"] is None) == (shape == (1, 1))


@pytest.mark.parametrize("shape", [(16, 16), (40, 200), (61, 67)])
def test_frames_smaller_than_a_chip_show_what_they_hold(shape: tuple[int, int]) -> None:
    x_YX = np.indices(shape)[1]
    found = told(counted(np.sin(2 * np.pi * x_YX / 4.0), dose=1000.0))
    assert found["spacing_px"] == pytest.approx(4.0, rel=0.03)
