"""Shading stays below what it is told, outlines lie on borders."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scopeside.pretraining.rims import outlined, shaded

DISC_YX = np.hypot(*(axis - 40.0 for axis in np.indices((80, 80)))) < 25.0


@settings(max_examples=40)
@given(by=st.floats(0.0, 0.3), seed=st.integers(0, 1000))
def test_shading_stays_within_its_amount(by, seed):
    factor_YX = shaded(DISC_YX, np.random.default_rng(seed), by=by)
    assert factor_YX.dtype == np.float32
    assert np.abs(factor_YX - 1.0).max() <= by + 1e-6


def test_most_shading_runs_from_the_rim_to_the_middle():
    found = [shaded(DISC_YX, np.random.default_rng(seed), by=0.2) for seed in range(60)]
    middle = np.array([factor_YX[40, 40] - factor_YX[40, 17] for factor_YX in found])
    ways = [(middle > 0.05).mean(), (middle < -0.05).mean()]
    assert min(ways) > 0.15  # brighter and darker


@settings(max_examples=20)
@given(seed=st.integers(0, 1000))
def test_an_outline_lies_on_the_border_and_nowhere_else(seed):
    bright_YX = np.ones((80, 80), np.float32)
    found_YX = outlined(bright_YX, DISC_YX.astype(np.int64), np.random.default_rng(seed))
    changed_YX = np.abs(found_YX - 1.0)
    assert changed_YX[40, 65] > 0.1
    assert changed_YX[40, 40] < 1e-3
    assert changed_YX[0, 0] < 1e-3
    assert found_YX.min() > 0.0


def test_one_material_has_no_outline():
    bright_YX = np.full((20, 20), 0.7, np.float32)
    found_YX = outlined(bright_YX, np.zeros((20, 20), np.int64), np.random.default_rng(0))
    assert found_YX == pytest.approx(bright_YX)
