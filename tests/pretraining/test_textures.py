"""Textures: normalised, fixed by their seed, and of the period that was asked for."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scopeside.pretraining.textures import KINDS, Texture, band, drawn, grains, smooth

SHAPE = (96, 120)


def texture(kind="lattice", **changes):
    plain = Texture(kind=kind, period_px=8.0, shape=0.4, angle=0.3)
    return replace(plain, **changes)


def field(one, *, seed=0, shape=SHAPE):
    return drawn(one, shape, np.random.default_rng(seed))


def power(field_YX):
    """The power spectrum of a field without its edges, and the wavenumber of each coefficient."""
    window_YX = np.outer(*(np.hanning(length) for length in field_YX.shape))
    power_YX = np.abs(np.fft.fft2(window_YX * field_YX)) ** 2
    ky_Y, kx_X = (np.fft.fftfreq(length) for length in field_YX.shape)
    return power_YX, np.hypot(ky_Y[:, None], kx_X[None, :])


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20)
@given(
    period_px=st.floats(3.2, 26.0),
    shape=st.floats(0.0, 1.0),
    order=st.floats(0.2, 1.0),
    strain=st.floats(0.0, 0.25),
    bending=st.floats(0.0, 0.45),
    sharpness=st.floats(0.0, 1.0),
    seed=st.integers(0, 1000),
)
def test_every_kind_has_mean_0_and_deviation_1(
    kind, period_px, shape, order, strain, bending, sharpness, seed
):
    one = texture(
        kind,
        period_px=period_px,
        shape=shape,
        order=order,
        strain_px=strain * period_px,
        bending=bending,
        sharpness=sharpness,
    )
    field_YX = field(one, seed=seed)
    assert field_YX.shape == SHAPE
    assert field_YX.dtype == np.float32
    assert float(field_YX.mean(dtype=np.float64)) == pytest.approx(0.0, abs=1e-4)
    assert float(field_YX.std(dtype=np.float64)) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_fixes_a_texture_and_another_seed_gives_another(kind):
    one = texture(kind, order=0.7)
    assert (field(one, seed=3) == field(one, seed=3)).all()
    assert (field(one, seed=3) != field(one, seed=4)).any()


@pytest.mark.parametrize("period_px", [4.0, 7.5, 16.0])
@pytest.mark.parametrize("angle", [0.0, 0.8, 2.5])
def test_the_strongest_fringes_of_a_lattice_have_the_period_asked_for(period_px, angle):
    field_YX = field(texture(period_px=period_px, angle=angle), shape=(256, 256))
    power_YX, k_YX = power(field_YX)
    peak = np.unravel_index(power_YX.argmax(), power_YX.shape)
    # A transform of 256 px tells wavenumbers apart by 1/256.
    assert k_YX[peak] == pytest.approx(1.0 / period_px, abs=1.0 / 256)
    direction = np.arctan2(*(np.fft.fftfreq(256)[index] for index in peak)) % np.pi
    assert np.abs(np.sin(direction - angle)) < 2.0 * period_px / 256


def test_an_angle_for_each_pixel_turns_a_lattice_grain_by_grain():
    random = np.random.default_rng(0)
    angle_YX = np.zeros((128, 128), np.float32)
    angle_YX[64:] = np.pi / 4
    field_YX = drawn(texture(shape=0.9), (128, 128), random, angle_YX)
    peaks = [
        np.unravel_index(power(part_YX)[0].argmax(), part_YX.shape)
        for part_YX in (field_YX[:64], field_YX[64:])
    ]
    assert peaks[0] != peaks[1]


@pytest.mark.parametrize("kind", ["lattice", "moire"])
def test_less_order_is_more_speckle_of_half_the_period(kind):
    def share_near_half_the_period(order):
        power_YX, k_YX = power(field(texture(kind, order=order, period_px=12.0), shape=(192, 192)))
        lines_YX = power_YX > 0.02 * power_YX.max()
        return power_YX[~lines_YX & (k_YX > 0.1) & (k_YX < 0.3)].sum() / power_YX.sum()

    shares = [share_near_half_the_period(order) for order in (1.0, 0.8, 0.4)]
    assert shares == sorted(shares)
    assert shares[0] < 0.1
    assert shares[-1] > 0.2


def test_a_band_of_noise_lies_around_its_period():
    power_YX, k_YX = power(band((256, 256), np.random.default_rng(1), period_px=8.0, width=0.2))
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
