"""Fields: noise of the band asked for, grains and sites that cover every pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scopeside.pretraining.fields import band, digits, displaced, grains, sites, smooth, step, unit

SHAPE = (96, 120)


def test_a_band_of_noise_lies_around_its_period():
    field_YX = band((256, 256), np.random.default_rng(1), period_px=8.0, width=0.2)
    power_YX = np.abs(np.fft.fft2(field_YX)) ** 2
    k_YX = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256)[None, :])
    inside_YX = np.abs(np.log(np.maximum(k_YX, 1e-9) * 8.0)) < 0.4
    assert power_YX[inside_YX].sum() > 0.9 * power_YX.sum()


def test_a_longer_field_is_a_smoother_one():
    steps = [
        np.abs(np.diff(smooth(SHAPE, np.random.default_rng(2), length_px=length_px))).mean()
        for length_px in (2.0, 6.0, 18.0)
    ]
    assert steps == sorted(steps, reverse=True)


@given(count=st.integers(1, 9), seed=st.integers(0, 1000))
def test_grains_are_numbered_from_0_and_every_pixel_has_one(count, seed):
    grain_YX = grains((40, 56), np.random.default_rng(seed), count=count)
    assert grain_YX.shape == (40, 56)
    assert 0 <= grain_YX.min() <= grain_YX.max() < count


@settings(max_examples=20)
@given(spacing_px=st.floats(3.0, 60.0), bend=st.floats(0.0, 0.2), seed=st.integers(0, 1000))
def test_every_pixel_lies_nearer_to_its_site_than_to_the_second(spacing_px, bend, seed):
    found = sites(
        (40, 56), np.random.default_rng(seed), spacing_px=spacing_px, bend_px=bend * spacing_px
    )
    assert (found.distance_YX <= found.second_YX).all()
    assert 0 <= found.nearest_YX.min() <= found.nearest_YX.max() < found.count
    # The square of a pixel or one beside it holds a site, as long as nothing is bent.
    if bend == 0.0:
        assert found.distance_YX.max() <= np.sqrt(2.0) * spacing_px


def test_sites_are_as_dense_as_their_spacing_says():
    found = sites(SHAPE, np.random.default_rng(0), spacing_px=8.0)
    expected = SHAPE[0] * SHAPE[1] / 64.0
    assert len(np.unique(found.nearest_YX)) == pytest.approx(expected, rel=0.3)


def test_nothing_is_displaced_by_nothing():
    y_YX, x_YX = displaced((5, 6), np.random.default_rng(0), by_px=0.0, length_px=3.0)
    assert (y_YX == np.arange(5)[:, None]).all()
    assert (x_YX == np.arange(6)[None]).all()


def test_a_step_rises_over_its_width():
    assert step(np.array([-9.0, 0.0, 9.0]), width_px=3.0) == pytest.approx(
        [0.0, 0.5, 1.0], abs=0.01
    )


def test_a_field_of_one_value_stays_finite():
    assert (unit(np.full(SHAPE, 3.0, np.float32)) == 0.0).all()


@given(look=st.floats(0.0, 1.0))
def test_one_number_gives_several_between_0_and_1(look):
    found = digits(look, 4)
    assert len(found) == 4
    assert all(0.0 <= one < 1.0 for one in found)


def test_the_numbers_of_one_are_independent():
    found = np.array([digits(look, 4) for look in np.random.default_rng(0).random(4000)])
    assert np.abs(np.corrcoef(found.T) - np.eye(4)).max() < 0.2
    assert found.mean(axis=0) == pytest.approx([0.5] * 4, abs=0.03)
