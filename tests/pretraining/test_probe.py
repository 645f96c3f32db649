"""The probe: 1 for embeddings that tell materials apart, a half for those that do not."""

import numpy as np
import pytest

from scopeside.pretraining import probe
from scopeside.pretraining.probe import FRAME_PX, likeness, probe_frames

COLUMNS = 7
LEFT_N = (np.arange(COLUMNS**2) % COLUMNS < 3).astype(np.int64)


def noise(seed):
    return np.random.default_rng(seed).normal(size=(COLUMNS**2, 64)).astype(np.float32)


def test_materials_that_are_told_apart_have_likeness_1():
    embeddings_ND = 10.0 * np.eye(2, 64, dtype=np.float32)[LEFT_N] + 0.1 * noise(0)
    assert likeness(embeddings_ND, LEFT_N, COLUMNS) == 1.0


def test_embeddings_of_chance_have_likeness_a_half():
    scores = [likeness(noise(seed), LEFT_N, COLUMNS) for seed in range(10)]
    assert np.mean(scores) == pytest.approx(0.5, abs=0.03)


def test_chips_that_overlap_are_not_compared():
    corner_N = (
        (np.arange(COLUMNS**2) % COLUMNS < 2) & (np.arange(COLUMNS**2) < 2 * COLUMNS)
    ).astype(np.int64)
    embeddings_ND = noise(1)
    embeddings_ND[corner_N == 1] = embeddings_ND[0]
    # The four chips of the corner are one, and all overlap: their likeness earns nothing.
    assert likeness(embeddings_ND, corner_N, COLUMNS) < 0.9


def test_held_out_frames_are_the_same_at_every_call(monkeypatch):
    monkeypatch.setattr(probe, "SPECIMENS", 2)
    first, again = probe_frames(), probe_frames()
    assert len(first) == 2
    for one, other in zip(first, again, strict=True):
        assert (one.image_YX == other.image_YX).all()
        assert one.image_YX.shape == (FRAME_PX, FRAME_PX)
        assert one.chips_NHW.shape == (one.columns**2, 64, 64)
        assert len(np.unique(one.main_N[one.main_N >= 0])) >= 2
        assert 0.0 <= likeness(noise(0), one.main_N, one.columns) <= 1.0
