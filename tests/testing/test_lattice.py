"""Textures: normalised, reproducible, with the spatial frequencies asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeside.testing.lattice import (
    amorphous_speckle,
    grain_map,
    lattice_fringes,
    roughness,
    smooth_field,
    standardised,
    thickness,
)


@pytest.mark.parametrize("period_px", [4.0, 8.0, 16.0])
def test_speckle_has_its_power_around_the_period(period_px):
    image = amorphous_speckle((256, 256), period_px=period_px, generator=np.random.default_rng(0))
    power = np.abs(np.fft.rfft2(image)) ** 2
    k = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.rfftfreq(256)[None, :])
    # The band is symmetric in log(k), so its geometric mean is the period's.
    mean_log_k = (np.log(k[k > 0]) * (power / np.maximum(k, 1e-9) ** 2)[k > 0]).sum()
    mean_log_k /= (power / np.maximum(k, 1e-9) ** 2)[k > 0].sum()
    assert np.exp(-mean_log_k) == pytest.approx(period_px, rel=0.15)
    assert image.mean() == pytest.approx(0.0, abs=1e-5)
    assert image.std() == pytest.approx(1.0, abs=1e-4)


def test_a_longer_correlation_gives_a_smoother_field():
    rough, smooth = (
        smooth_field((128, 128), length_px=length, generator=np.random.default_rng(1))
        for length in (2.0, 16.0)
    )
    assert np.abs(np.diff(smooth)).mean() < 0.5 * np.abs(np.diff(rough)).mean()


@given(grains=st.integers(1, 12), seed=st.integers(0, 100))
def test_every_pixel_belongs_to_a_grain(grains, seed):
    grain_YX = grain_map((20, 31), grains=grains, generator=np.random.default_rng(seed))
    assert grain_YX.shape == (20, 31)
    assert grain_YX.max() < grains


def test_fringes_are_standardised_and_reproducible():
    grain_YX = grain_map((64, 96), grains=2, generator=np.random.default_rng(0))
    first, second = (
        lattice_fringes(
            grain_YX, spacing_px=8.0, strain_px=1.0, bending=0.1, generator=np.random.default_rng(5)
        )
        for _ in range(2)
    )
    assert np.array_equal(first, second)
    assert first.dtype == np.float32
    assert first.std() == pytest.approx(1.0, abs=1e-4)


@given(rows=st.integers(8, 300), seed=st.integers(0, 50))
def test_a_front_profile_spans_zero_to_one(rows, seed):
    profile = roughness(rows, length_px=16.0, generator=np.random.default_rng(seed))
    assert profile.shape == (rows,)
    assert profile.min() == 0.0
    assert profile.max() == pytest.approx(1.0)


def test_thickness_is_one_on_average_with_the_wedge_asked_for():
    flat = thickness((80, 80), gradient=0.0, ripple=0.0, generator=np.random.default_rng(0))
    wedge = thickness((80, 80), gradient=0.2, ripple=0.0, generator=np.random.default_rng(0))
    assert np.all(flat == 1.0)
    assert wedge.mean() == pytest.approx(1.0, abs=1e-6)
    assert 0.19 < np.ptp(wedge) < 0.3


def test_a_constant_has_no_contrast_to_standardise():
    assert np.all(standardised(np.full((4, 4), 7.0)) == 0.0)
