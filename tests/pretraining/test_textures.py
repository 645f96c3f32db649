"""Textures: normalised, fixed by their seed, and of the period that was asked for."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scopeside.pretraining.textures import KINDS, Texture, drawn

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
@settings(max_examples=12)
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


def look(kind, *, seed, period_px=12.0):
    """What tells textures apart whose brightness and contrast are the same.

    The spectrum by octave, its direction, the shape of the histogram, and how far dark and
    bright places are drawn out.
    """
    field_YX = field(texture(kind, period_px=period_px), seed=seed, shape=(192, 192))
    power_YX, k_YX = power(field_YX)
    octaves = np.geomspace(1 / 96, 0.5, 12)
    rings = [
        power_YX[(k_YX >= low) & (k_YX < high)].sum() for low, high in itertools.pairwise(octaves)
    ]
    spectrum = np.array(rings) / power_YX.sum()
    greys = np.quantile(field_YX, np.linspace(0.05, 0.95, 10)) / 4.0
    slopes = [np.abs(np.gradient(field_YX, axis=axis)).mean() for axis in (0, 1)]
    strongest = power_YX.max() / power_YX.sum()
    return np.concatenate([spectrum, greys, slopes, [strongest]])


def test_every_kind_looks_like_itself_drawn_anew_and_unlike_every_other():
    first = {kind: look(kind, seed=1) for kind in KINDS}
    for kind in KINDS:
        again = look(kind, seed=2)
        apart = {other: np.linalg.norm(again - first[other]) for other in KINDS}
        assert min(apart, key=apart.get) == kind, apart


@pytest.mark.parametrize("kind", ["lattice", "columns", "lamellae"])
def test_what_has_a_direction_is_turned_by_its_angle(kind):
    fields = [field(texture(kind, angle=angle, shape=0.9)) for angle in (0.0, 0.5 * np.pi)]
    along, turned = (power(field_YX)[0] for field_YX in fields)
    assert along.argmax() != turned.argmax()


@pytest.mark.parametrize("shape", [0.13, 0.31, 0.52, 0.77, 0.93])
@pytest.mark.parametrize("kind", ["cells", "vesicles", "spots", "mixture", "pores"])
def test_parts_of_a_texture_do_not_make_chips_of_their_own_brightness(kind, shape):
    field_YX = field(texture(kind, period_px=24.0, shape=shape), shape=(256, 256))
    chips_RrCc = field_YX.reshape(4, 64, 4, 64)
    means = chips_RrCc.mean(axis=(1, 3))
    # Against the deviation of 1 of the pixels.
    assert means.std() < 0.35


def test_columns_are_narrow_and_bright_and_sharpness_narrows_them():
    def skewness(sharpness):
        field_YX = field(texture("columns", period_px=16.0, sharpness=sharpness))
        return float((field_YX.astype(np.float64) ** 3).mean())

    assert 0.5 < skewness(0.0) < skewness(1.0)
