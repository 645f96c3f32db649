"""Calibration: statistics that make each batch norm's output standard on the chips it saw."""

from __future__ import annotations

import numpy as np
import torch

from scopeside.stages.embed.calibrate import CHIP_PX, calibrated_statistics, calibration_chips
from scopeside.stages.embed.resnet50 import GreyResNet50, from_state
from scopeside.stages.embed.seeded import seeded_state
from scopeside.stages.embed.simulated import film_chips


def test_first_batch_norm_becomes_standard_on_the_calibration_chips():
    chips_NHW = film_chips(64, 32, seed=1)
    statistics = calibrated_statistics(chips_NHW)
    trunk = from_state({**seeded_state(), **statistics})
    seen = []
    trunk.bn1.register_forward_hook(lambda module, inputs, output: seen.append(output))
    with torch.inference_mode():
        GreyResNet50(trunk, "pool")(torch.from_numpy(chips_NHW)[:, None])
    mean_C, std_C = seen[0].mean(dim=(0, 2, 3)), seen[0].std(dim=(0, 2, 3))
    assert float(mean_C.abs().max()) < 0.02
    assert float((std_C - 1.0).abs().max()) < 0.1


def test_there_is_a_mean_and_a_variance_for_each_of_the_53_batch_norms():
    statistics = calibrated_statistics(film_chips(16, 32))
    assert sum(name.endswith("running_mean") for name in statistics) == 53
    assert sum(name.endswith("running_var") for name in statistics) == 53


def test_calibration_chips_are_normalised_varied_and_reproducible(monkeypatch):
    monkeypatch.setattr("scopeside.stages.embed.calibrate.FILMS", 2)
    chips_NHW = calibration_chips()
    assert chips_NHW.shape == (12 * 16, CHIP_PX, CHIP_PX)
    assert (chips_NHW.min(), chips_NHW.max()) == (0.0, 1.0)
    assert chips_NHW.std(axis=(1, 2)).std() > 0.01
    np.testing.assert_array_equal(chips_NHW, calibration_chips())
