"""Skipped where the packages of the extra `bench` are not installed."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="pip install 'scopeside[bench]'")
pytest.importorskip("skimage", reason="pip install 'scopeside[bench]'")

from quality.baselines import FEATURES, bound, k_means, k_means_untold
from quality.scores import score
from quality.segmenting import painted
from quality.sets import PROTOCOLS, Labelled
from scopeside.messages import ChipGrid

GRID = ChipGrid(shape=(96, 80), chip_px=16, stride_px=8)


@pytest.mark.parametrize("feature", FEATURES)
def test_a_feature_describes_every_chip_in_each_variant(feature):
    image = np.random.default_rng(0).random(GRID.shape, dtype=np.float32)
    for values in (image, np.zeros(GRID.shape, np.float32)):
        found = FEATURES[feature](values, GRID)
        assert len(found) == 3
        for features in found.values():
            assert len(features) == GRID.chips
            assert np.isfinite(features).all()


def test_brightness_divides_a_dark_from_a_bright_half():
    truth = np.where(np.arange(80) < 40, 0, 1) * np.ones((96, 1), dtype=np.uint8)
    noise = np.random.default_rng(0).random(GRID.shape)
    image = (0.6 * truth + 0.3 * noise).astype(np.float32)
    features = FEATURES["raw intensity"](image, GRID)["mean"]
    for labels in (k_means(features, 2), k_means_untold(features)):
        assert score(painted(labels, GRID), truth, tolerance_px=4.0).iou_many > 0.9


def test_the_bound_is_the_truth_as_chips_see_it():
    truth = np.where(np.arange(80) < 40, 0, 1) * np.ones((96, 1))
    frame = Labelled(name="x", image_YX=truth, truth_YX=truth.astype(np.uint8))
    assert bound(PROTOCOLS[0], [frame]).scores.iou_one > 0.95
