"""A training that is over in seconds: the smallest batches, frames and probes that are any."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from scopeside.pretraining import probe, run
from scopeside.pretraining.batches import Plan
from scopeside.pretraining.recipe import Recipe

PLAN = Plan(frame_px=96, chips_specimens=1, chips_each=4, shared_specimens=1, archive_share=0.5)


def recipe(**changes) -> Recipe:
    return Recipe(**{"steps": 2, "plan": PLAN, **changes})


def make_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shrink what a training does besides its steps."""
    monkeypatch.setattr(run, "SETTLING_BATCHES", 2)
    monkeypatch.setattr(probe, "SPECIMENS", 1)


def write_micrographs(path, shape=(140, 150), *, count=2, dtype=np.uint16) -> np.ndarray:
    """Write a TIFF of stripes under noise and return its frames."""
    random = np.random.default_rng(0)
    x_X = np.arange(shape[1])
    expected_YX = 200.0 + 80.0 * np.sin(x_X / 3.0) * (x_X > shape[1] // 2) + np.zeros(shape)
    stack_TYX = random.poisson(expected_YX, (count, *shape)).astype(dtype)
    tifffile.imwrite(path, stack_TYX, photometric="minisblack")
    return stack_TYX
