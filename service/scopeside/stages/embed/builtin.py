"""The built-in weights: a seeded initialisation with calibrated batch-norm statistics.

They are not trained. Convolutions are drawn He-uniform from a frozen random stream, and the
batch-norm statistics in `builtin_bn.safetensors` were calibrated on simulated frames by
`python -m scopeside.stages.embed.calibrate`, so that every channel of every layer is alive.
"""

from __future__ import annotations

from importlib import resources
from math import prod, sqrt

import numpy as np
import torch
from torch import Tensor

from scopeside.errors import WeightsError
from scopeside.stages.embed.resnet50 import skeleton
from scopeside.stages.embed.weights import Weights, checked_state, state_sha256

NAME = "builtin-seeded-v1"
SEED = 20231121
BRANCH_GAIN = 0.1
"""Scale of each residual branch (`bn3.weight`). At 1 a random network of this depth is chaotic:
bf16's rounding grew until chips kept a cosine of only 0.92 to float32; at 0.1 it stays 0.9997."""

STATISTICS_FILE = "builtin_bn.safetensors"


def seeded_state() -> dict[str, Tensor]:
    """Return the initialisation before calibration: He-uniform convolutions, plain batch norm.

    He et al. 2015 (arXiv 1502.01852): variance 2/fan_in, so uniform within sqrt(6/fan_in).
    NumPy guarantees the stream of `RandomState.random_sample`, and the arithmetic is float64
    rounded once, so the bits are the same on every machine.
    """
    random = np.random.RandomState(SEED)  # noqa: NPY002 - the frozen stream is the point
    state: dict[str, Tensor] = {}
    for name, tensor in skeleton().state_dict().items():
        shape = tuple(tensor.shape)
        if len(shape) == 4:
            bound = sqrt(6.0 / prod(shape[1:]))
            values = (random.random_sample(shape) * 2.0 - 1.0) * bound
            state[name] = torch.from_numpy(values.astype(np.float32))
        elif name.endswith("bn3.weight"):
            state[name] = torch.full(shape, BRANCH_GAIN)
        elif name.endswith(("weight", "running_var")):
            state[name] = torch.ones(shape)
        elif name.endswith(("bias", "running_mean")):
            state[name] = torch.zeros(shape)
    return state


def builtin_weights() -> Weights:
    """Return the built-in weights; their SHA-256 is that of the tensors in canonical form."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    file = resources.files("scopeside.stages.embed") / STATISTICS_FILE
    try:
        statistics = load(file.read_bytes())
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"The built-in statistics {STATISTICS_FILE} are missing or damaged;"
            " install scopeside again."
        ) from error
    state = checked_state({**seeded_state(), **statistics}, "The built-in weights")
    return Weights(name=NAME, sha256=state_sha256(state), state=state)
