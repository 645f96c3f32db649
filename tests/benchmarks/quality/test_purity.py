from __future__ import annotations

import numpy as np
import pytest

from quality.purity import MIXED, chip_classes, purity
from quality.sets import IGNORED
from scopeside.messages import ChipGrid

GRID = ChipGrid(shape=(64, 64), chip_px=8, stride_px=4)
TRUTH = np.where(np.arange(64) < 32, 0, 1) * np.ones((64, 1), dtype=np.uint8)


def test_a_chip_has_the_class_that_nearly_covers_it():
    classes = chip_classes(TRUTH.astype(np.uint8), GRID).reshape(GRID.rows, GRID.cols)
    assert (classes[:, :7] == 0).all()
    assert (classes[:, 7] == MIXED).all()
    assert (classes[:, 8:] == 1).all()


def test_a_chip_that_is_hardly_scored_has_no_class():
    truth = TRUTH.astype(np.uint8)
    truth[:, :24] = IGNORED
    classes = chip_classes(truth, GRID).reshape(GRID.rows, GRID.cols)
    assert (classes[:, :5] == MIXED).all()
    assert (classes[:, 6] == 0).all()


def test_embeddings_that_are_the_class_are_pure_and_noise_is_not():
    truth = TRUTH.astype(np.uint8)
    generator = np.random.default_rng(1)
    noise = generator.standard_normal((GRID.chips, 16)).astype(np.float32)
    clear = noise * 0.01
    clear[:, 0] += np.where(chip_classes(truth, GRID) == 1, 1.0, -1.0)
    assert purity(clear, truth, GRID) == 1.0
    assert purity(noise, truth, GRID) == pytest.approx(0.5, abs=0.1)


def test_chips_that_share_pixels_are_no_neighbours():
    """An embedding that knows nothing but its place must not look pure by its overlaps."""
    truth = np.indices((64, 64)).sum(axis=0) // 16 % 2
    y, x = np.divmod(np.arange(GRID.chips), GRID.cols)
    place = np.stack([y, x], axis=1).astype(np.float32)
    found = purity(place, truth.astype(np.uint8), GRID)
    assert found is not None
    assert found < 0.8


def test_one_class_has_no_purity():
    assert purity(np.ones((GRID.chips, 2), np.float32), np.zeros((64, 64), np.uint8), GRID) is None
