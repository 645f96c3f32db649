"""Batch norm folded into convolutions, and grey input folded into the first of them.

Done in float64 and rounded once by the caller. The plain module (`resnet50`) shares no code with
this, so the parity check compares two readings of the same weights.

Shapes: O output and I input channels, K x K the size of a kernel.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from scopeside.stages.embed.resnet50 import IMAGENET_MEAN, IMAGENET_STD

BN_EPSILON = 1e-5
"""torch's default, which torchvision's and MicroNet's networks use."""

Float64 = NDArray[np.float64]


def values_of(state: Mapping[str, Tensor]) -> dict[str, Float64]:
    """Return a state's tensors as float64 arrays."""
    return {name: tensor.numpy().astype(np.float64) for name, tensor in state.items()}


def folded(values: Mapping[str, Float64], conv: str, norm: str) -> tuple[Float64, Float64]:
    """Return the `(O, I, K, K)` weight and `(O,)` bias of a convolution with its batch norm."""
    scale_O = values[f"{norm}.weight"] / np.sqrt(values[f"{norm}.running_var"] + BN_EPSILON)
    bias_O = values[f"{norm}.bias"] - values[f"{norm}.running_mean"] * scale_O
    return values[f"{conv}.weight"] * scale_O[:, None, None, None], bias_O


def folded_stem(values: Mapping[str, Float64]) -> tuple[Float64, Float64]:
    """Return the first convolution's `(O, 2, K, K)` weight on the planes grey and ones, and bias.

    Exactly RGB and normalisation: conv(W, (g - mean) / std) = conv(sum_c W_c / std_c, g) -
    conv(sum_c W_c mean_c / std_c, 1), where the plane of ones meets the zero padding as the
    normalised image would.
    """
    weight_O3KK, bias_O = folded(values, "conv1", "bn1")
    std = np.array(IMAGENET_STD)[None, :, None, None]
    mean = np.array(IMAGENET_MEAN)[None, :, None, None]
    scaled_O3KK = weight_O3KK / std
    weight_O2KK = np.stack([scaled_O3KK.sum(axis=1), -(scaled_O3KK * mean).sum(axis=1)], axis=1)
    return weight_O2KK, bias_O
