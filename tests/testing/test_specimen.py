"""The simulated film: its truth, its kinetics, its likeness to a counted micrograph."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeside.errors import ConfigError
from scopeside.testing.specimen import IrradiatedFilm

SHAPE = (96, 128)
FULL = 1.0e25


@cache
def film(seed: int = 0, drift_px: float = 12.0) -> IrradiatedFilm:
    return IrradiatedFilm(shape=SHAPE, seed=seed, drift_px=drift_px, dose_full_e_per_m2=FULL)


def test_counts_are_native_uint16_and_truth_is_binary():
    frame = film().expose(0.4 * FULL)
    assert frame.counts_YX.dtype == np.uint16
    assert frame.counts_YX.shape == frame.truth_YX.shape == SHAPE
    assert frame.truth_YX.dtype == np.uint8
    assert set(np.unique(frame.truth_YX)) == {0, 1}
    assert frame.front_px_Y.dtype == np.float32
    assert frame.front_px_Y.shape == SHAPE[:1]


@given(seed=st.integers(0, 5), progress=st.floats(0.0, 1.5))
def test_truth_is_amorphous_exactly_left_of_the_front(seed, progress):
    frame = film(seed).expose(progress * FULL)
    columns = np.arange(SHAPE[1])
    assert np.array_equal(frame.truth_YX == 1, columns[None, :] < frame.front_px_Y[:, None])
    assert frame.amorphous_fraction == pytest.approx(frame.truth_YX.mean())
    assert frame.front_px_Y.min() >= 0
    assert frame.front_px_Y.max() <= SHAPE[1]


@given(seed=st.integers(0, 20))
def test_no_dose_is_all_crystalline_and_full_dose_all_amorphous(seed):
    specimen = IrradiatedFilm(shape=(24, 40), seed=seed, drift_px=5.0)
    assert specimen.expose(0.0).amorphous_fraction == 0.0
    assert specimen.expose(specimen.dose_full_e_per_m2).amorphous_fraction == 1.0
    assert specimen.expose(7.3 * specimen.dose_full_e_per_m2).amorphous_fraction == 1.0


@given(
    seed=st.integers(0, 5),
    progress=st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)).map(sorted),
)
def test_the_front_never_moves_back_without_drift(seed, progress):
    earlier, later = (film(seed, 0.0).expose(share * FULL).front_px_Y for share in progress)
    assert np.all(earlier <= later)


def test_the_front_is_rough_and_grows_rougher():
    early, late = (np.ptp(film(0, 0.0).expose(p * FULL).front_px_Y) for p in (0.2, 0.7))
    assert 2.0 < early < late


@given(seed=st.integers(0, 5), progress=st.floats(0.0, 20.0))
def test_drift_is_bounded_and_moves_in_small_steps(seed, progress):
    here, there = (film(seed).expose(p * FULL).drift_px for p in (progress, progress + 0.001))
    assert max(map(abs, here)) <= 12.0
    assert np.hypot(here[0] - there[0], here[1] - there[1]) < 1.0


def test_drift_moves_texture_and_front_together():
    specimen = IrradiatedFilm(
        shape=SHAPE, seed=3, drift_px=9.0, mean_counts=5e3, roughness=0.0, dose_full_e_per_m2=FULL
    )
    still = IrradiatedFilm(
        shape=SHAPE, seed=3, drift_px=0.0, mean_counts=5e3, roughness=0.0, dose_full_e_per_m2=FULL
    )
    first, second = specimen.expose(0.45 * FULL), specimen.expose(0.55 * FULL)
    moved = np.subtract(second.drift_px, first.drift_px)
    assert np.hypot(*moved) > 1.0
    # Where both frames are crystalline the texture's displacement is the drift's.
    lag = _displacement(
        first.counts_YX[:, 100:].astype(float), second.counts_YX[:, 100:].astype(float)
    )
    assert np.allclose(lag, -moved, atol=0.75)
    travelled = np.median(second.front_px_Y) - np.median(first.front_px_Y)
    lead = 2.0 * (9.0 + specimen.transition_px)
    assert travelled == pytest.approx(0.1 * (SHAPE[1] + lead) - moved[1], abs=0.01)
    assert still.expose(0.45 * FULL).drift_px == (0.0, 0.0)


def _displacement(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Shift of `second` against `first` within half a fringe, by least squares over sub-pixels."""
    ky = np.fft.fftfreq(first.shape[0])[:, None]
    kx = np.fft.fftfreq(first.shape[1])[None, :]
    spectrum = np.fft.fft2(first - first.mean())
    inside = (slice(10, -10), slice(10, -10))
    grid = np.arange(-3.5, 3.51, 0.5)

    def misfit(dy: float, dx: float) -> float:
        shifted = np.fft.ifft2(spectrum * np.exp(-2j * np.pi * (ky * dy + kx * dx))).real
        return float(((shifted - (second - second.mean()))[inside] ** 2).mean())

    return min(((dy, dx) for dy in grid for dx in grid), key=lambda d: misfit(*d))


@given(order=st.permutations(range(4)))
def test_exposures_are_the_same_in_any_order(order):
    doses = [0.0, 0.3 * FULL, 0.6 * FULL, 0.6 * FULL]
    fresh = IrradiatedFilm(shape=SHAPE, seed=0, dose_full_e_per_m2=FULL)
    shuffled = {number: fresh.expose(doses[number], number=number) for number in order}
    for number, dose in enumerate(doses):
        expected = film().expose(dose, number=number)
        assert np.array_equal(expected.counts_YX, shuffled[number].counts_YX)
        assert expected.drift_px == shuffled[number].drift_px


def test_two_exposures_at_one_dose_differ_in_noise_only():
    first, second = (film().expose(0.5 * FULL, number=number) for number in (1, 2))
    assert not np.array_equal(first.counts_YX, second.counts_YX)
    assert np.array_equal(first.truth_YX, second.truth_YX)
    difference = first.counts_YX.astype(float) - second.counts_YX
    assert difference.var() == pytest.approx(2.0 * first.counts_YX.mean(), rel=0.05)


def test_seeds_give_different_specimens():
    assert not np.array_equal(film(0).expose(0.0).counts_YX, film(1).expose(0.0).counts_YX)


@pytest.mark.parametrize("seed", range(4))
def test_the_phases_differ_in_texture_not_in_brightness(seed):
    specimen = IrradiatedFilm(shape=(256, 256), seed=seed, thickness_gradient=0.0)
    crystal = specimen.expose(0.0).counts_YX.astype(float)
    amorphous = specimen.expose(specimen.dose_full_e_per_m2).counts_YX.astype(float)
    assert amorphous.mean() / crystal.mean() == pytest.approx(1.01, abs=0.005)
    assert amorphous.std() == pytest.approx(crystal.std(), rel=0.35)
    # A lattice puts its power into a few spots of the diffractogram; speckle spreads it.
    assert _peak_share(crystal) > 20.0 * _peak_share(amorphous)


def _peak_share(image: np.ndarray) -> float:
    window = np.hanning(image.shape[0])[:, None] * np.hanning(image.shape[1])[None, :]
    power = np.abs(np.fft.fft2((image - image.mean()) * window)) ** 2
    return float(power.max() / np.median(power[power > 0])) / 1e3


def test_fringes_have_the_spacing_asked_for():
    specimen = IrradiatedFilm(
        shape=(256, 256), lattice_spacing_px=10.0, strain_px=0.0, drift_px=0.0, mean_counts=1e4
    )
    image = specimen.expose(0.0).counts_YX.astype(float)
    power = np.abs(np.fft.rfft2(image - image.mean()))
    ky, kx = np.unravel_index(np.argmax(power), power.shape)
    wavenumber = np.hypot(np.fft.fftfreq(256)[ky], np.fft.rfftfreq(256)[kx])
    assert 1.0 / wavenumber == pytest.approx(10.0, rel=0.06)


def test_grains_are_turned_against_each_other():
    one, three = (
        IrradiatedFilm(shape=(256, 256), seed=2, grains=grains, strain_px=0.0).expose(0.0)
        for grains in (1, 3)
    )
    assert _spots(three.counts_YX) > _spots(one.counts_YX)


def _spots(counts: np.ndarray) -> int:
    power = np.abs(np.fft.rfft2(counts - counts.mean())) ** 2
    return int((power > 0.02 * power.max()).sum())


@pytest.mark.parametrize(
    "wrong",
    [
        {"shape": (4, 512)},
        {"lattice_spacing_px": 0.0},
        {"mean_counts": float("nan")},
        {"drift_px": -1.0},
        {"grains": 0},
        {"dose_full_e_per_m2": -1.0},
    ],
)
def test_values_that_describe_no_film_are_refused(wrong):
    with pytest.raises(ConfigError):
        IrradiatedFilm(**wrong)


@pytest.mark.parametrize("dose", [-1.0, float("nan")])
def test_a_dose_below_zero_is_refused(dose):
    with pytest.raises(ConfigError, match="dose"):
        film().expose(dose)


def test_bright_frames_saturate_instead_of_wrapping():
    specimen = IrradiatedFilm(shape=(32, 32), mean_counts=7e4)
    counts = specimen.expose(0.0).counts_YX
    assert counts.max() == 65535
    assert counts.min() > 30000
