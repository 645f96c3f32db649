"""The seeded weights: an initialisation with calibrated batch-norm statistics.

They are not trained; the built-in encoder was trained from them. Convolutions are drawn
He-uniform from a frozen random stream, half of the first layer's as oriented waves and the 3x3
ones smooth in space. The batch-norm statistics in `seeded_bn.safetensors` were calibrated on
simulated frames by `python -m scopeside.stages.embed.calibrate`, so that every channel of every
layer is alive.
"""

from __future__ import annotations

from importlib import resources
from math import prod, sqrt

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scopeside.errors import WeightsError
from scopeside.stages.embed.resnet50 import skeleton
from scopeside.stages.embed.weights import Weights, checked_state, state_sha256

NAME = "seeded-v1"
SEED = 1

BRANCH_GAIN = 0.1
"""Scale of a residual branch that keeps the size of the map (`bn3.weight`). At 1 a random network
of this depth is chaotic: the rounding of bf16 grows until chips keep a cosine of only 0.92 to
float32."""

BINOMIAL = (1.0, 2.0, 1.0)
"""Smoothing along each axis of the 3x3 convolutions, so that each halving averages what the layer
before it found and a texture looks the same wherever its period begins. Measured on nine
two-phase frames and on seven real micrographs of five kinds, against kernels that are not smooth:
neighbours of the same class 0.85 -> 0.96 and 0.62 -> 0.70, many-to-one mean IoU (mean over five
and three resolutions) 0.75 -> 0.95 and 0.47 -> 0.57."""

GABORS = 32
"""Filters of the first layer that are oriented waves; the other half is He-uniform. Waves tell
lattices from speckle, plain noise keeps brightness; each alone was worse on its counterpart."""

STATISTICS_FILE = "seeded_bn.safetensors"


def seeded_state(seed: int = SEED) -> dict[str, Tensor]:
    """Return the initialisation before calibration: He-uniform convolutions, plain batch norm.

    He et al. 2015 (arXiv 1502.01852): variance 2/fan_in, so uniform within sqrt(6/fan_in).
    NumPy guarantees the stream of `RandomState.random_sample`, and the arithmetic is float64
    rounded once, so the bits are the same on every machine. The 3x3 convolutions of the
    blocks are smoothed, and half of the first layer's filters are replaced by oriented
    waves, alike in the three colours.
    """
    random = np.random.RandomState(seed)
    state: dict[str, Tensor] = {}
    for name, tensor in skeleton().state_dict().items():
        shape = tuple(tensor.shape)
        if len(shape) == 4:
            bound = sqrt(6.0 / prod(shape[1:]))
            values = (random.random_sample(shape) * 2.0 - 1.0) * bound
            if name.endswith("conv2.weight"):
                values = _smooth(values)
            state[name] = torch.from_numpy(values.astype(np.float32))
        elif name.endswith("bn3.weight"):
            # The first block of a layer changes the map; the others refine it.
            state[name] = torch.full(shape, 1.0 if ".0." in name else BRANCH_GAIN)
        elif name.endswith(("weight", "running_var")):
            state[name] = torch.ones(shape)
        elif name.endswith(("bias", "running_mean")):
            state[name] = torch.zeros(shape)
    state["conv1.weight"][:GABORS] = torch.from_numpy(_gabors(random))[:, None]
    return state


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 3x3 kernels that mix channels by the central tap and smooth in space, same norm."""
    window = np.outer(BINOMIAL, BINOMIAL)
    # The sums of squares of binomials are whole, so the window's norm (6) is exact.
    smooth: NDArray[np.float64] = values[:, :, 1:2, 1:2] * (3.0 * window / 6.0)
    return smooth


def _gabors(random: np.random.RandomState) -> NDArray[np.float32]:
    """Return `(GABORS, 7, 7)` waves of 3 to 16 px under a Gaussian, free of any mean, unit norm."""
    y, x = np.mgrid[-3:4, -3:4]
    uniform_G3 = random.random_sample((GABORS, 3, 1, 1))
    period_px = 3.0 * (16.0 / 3.0) ** uniform_G3[:, 0]
    angle, phase = np.pi * uniform_G3[:, 1], 2.0 * np.pi * uniform_G3[:, 2]
    wave = np.cos(2.0 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period_px + phase)
    wave *= np.exp(-(x**2 + y**2) / (2.0 * 2.5**2))
    wave -= wave.mean(axis=(1, 2), keepdims=True)
    wave /= np.sqrt((wave**2).sum(axis=(1, 2), keepdims=True))
    # Libraries differ in the last bit of cos and exp; rounding far above it keeps the bits equal.
    rounded: NDArray[np.float32] = (np.round(wave * 1024.0) / 1024.0).astype(np.float32)
    return rounded


def seeded_weights() -> Weights:
    """Return the seeded weights; their SHA-256 is that of the tensors in canonical form."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    file = resources.files("scopeside.stages.embed") / STATISTICS_FILE
    try:
        statistics = load(file.read_bytes())
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"The seeded weights' statistics {STATISTICS_FILE} are missing or damaged;"
            " install scopeside again."
        ) from error
    state = checked_state({**seeded_state(), **statistics}, "The seeded weights")
    return Weights(name=NAME, sha256=state_sha256(state), state=state)
