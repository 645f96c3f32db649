"""Specimens and their exposures: what a detector records is in [0, 1] at any dose."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scopeside.pretraining.specimens import (
    MARGIN_PX,
    MOST_MATERIALS,
    Specimen,
    any_specimen,
    exposed,
)

FRAME_PX = 72
seeds = st.integers(0, 100_000)


def specimen_of(seed):
    return any_specimen(FRAME_PX, np.random.default_rng(seed))


@settings(max_examples=40)
@given(seed=seeds)
def test_a_specimen_has_mean_1_and_the_labels_of_its_materials(seed):
    specimen = specimen_of(seed)
    side_px = FRAME_PX + 2 * MARGIN_PX
    assert specimen.bright_YX.shape == specimen.layout_YX.shape == (side_px, side_px)
    assert specimen.bright_YX.dtype == np.float32
    assert float(specimen.bright_YX.mean(dtype=np.float64)) == pytest.approx(1.0, abs=1e-4)
    assert specimen.bright_YX.min() > 0
    assert 0 <= specimen.layout_YX.min() <= specimen.layout_YX.max() < MOST_MATERIALS


@settings(max_examples=60)
@given(seed=seeds, inverted=st.booleans())
def test_an_exposure_is_finite_and_in_0_to_1_at_every_dose(seed, inverted):
    exposure = exposed(specimen_of(seed % 5), np.random.default_rng(seed), inverted=inverted)
    assert exposure.image_YX.shape == (FRAME_PX, FRAME_PX)
    assert exposure.image_YX.dtype == np.float32
    assert np.isfinite(exposure.image_YX).all()
    assert exposure.image_YX.min() >= 0.0
    assert exposure.image_YX.max() <= 1.0


@settings(max_examples=40)
@given(seed=seeds)
def test_the_layout_of_an_exposure_is_the_specimens_at_its_origin(seed):
    specimen = specimen_of(3)
    exposure = exposed(specimen, np.random.default_rng(seed), inverted=False)
    top, left = exposure.origin_px
    assert 0 <= top <= 2 * MARGIN_PX
    assert 0 <= left <= 2 * MARGIN_PX
    window_YX = specimen.layout_YX[top : top + FRAME_PX, left : left + FRAME_PX]
    assert (exposure.layout_YX == window_YX).all()


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_specimen_that_shows_nothing_is_exposed_all_the_same(value):
    side_px = FRAME_PX + 2 * MARGIN_PX
    specimen = Specimen(bright_YX=np.full((side_px, side_px), value, np.float32), layout_YX=None)
    for seed in range(20):
        exposure = exposed(specimen, np.random.default_rng(seed), inverted=seed % 2 == 1)
        assert np.isfinite(exposure.image_YX).all()
        assert exposure.layout_YX is None


def test_the_same_seed_gives_the_same_bits():
    first, again = (specimen_of(11) for _ in range(2))
    assert (first.bright_YX == again.bright_YX).all()
    assert (first.layout_YX == again.layout_YX).all()
    exposures = [exposed(first, np.random.default_rng(2), inverted=False) for _ in range(2)]
    assert (exposures[0].image_YX == exposures[1].image_YX).all()
    other = exposed(first, np.random.default_rng(3), inverted=False)
    assert (exposures[0].image_YX != other.image_YX).any()


def test_two_exposures_of_a_specimen_are_not_the_same():
    random = np.random.default_rng(4)
    one, other = (exposed(specimen_of(4), random, inverted=False) for _ in range(2))
    assert (one.image_YX != other.image_YX).any()


@pytest.mark.parametrize("seed", range(6))
def test_an_inverted_exposure_anticorrelates_with_the_plain_one(seed):
    specimen = specimen_of(seed)
    # The same draws, so that the two differ in nothing but the sign.
    plain, inverted = (
        exposed(specimen, np.random.default_rng(seed), inverted=sign).image_YX
        for sign in (False, True)
    )
    assert np.corrcoef(plain.ravel(), inverted.ravel())[0, 1] < -0.6
