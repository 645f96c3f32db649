"""Encoder weights in a quarter of the room: int8 kernels with a scale for each output channel.

A kernel `NAME` of shape `(O, I, h, w)` is stored as `NAME` in int8 and `NAME.scale` of shape
`(O,)` in float32, and read as `NAME * NAME.scale`; a channel's scale is its largest magnitude
over 127. Vectors (batch norms) stay float32. Rounding moves a weight by half a scale at most.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

SCALE = ".scale"
LEVELS = 127


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactLoss:
    """What rounding did: the root mean square error of a kernel over its own, mean and worst."""

    mean: float
    worst: float


def compacted(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], CompactLoss]:
    """Return `state` in compact form and what that lost."""
    compact: dict[str, Tensor] = {}
    lost: list[float] = []
    for name, tensor in state.items():
        if tensor.ndim != 4:
            compact[name] = tensor.to(torch.float32).contiguous()
            continue
        scale_O = tensor.abs().amax(dim=(1, 2, 3)).clamp_min(1e-12) / LEVELS
        whole = torch.round(tensor / scale_O[:, None, None, None]).clamp(-LEVELS, LEVELS)
        compact[name] = whole.to(torch.int8).contiguous()
        compact[name + SCALE] = scale_O.to(torch.float32).contiguous()
        error = tensor - whole * scale_O[:, None, None, None]
        lost.append(float(error.norm() / tensor.norm().clamp_min(1e-12)))
    mean = sum(lost) / len(lost) if lost else 0.0
    return compact, CompactLoss(mean=mean, worst=max(lost, default=0.0))


def expanded(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return compact `tensors` as float32; names without a scale pass as they are.

    Raises ValueError for a scale that fits no kernel.
    """
    scales = {
        name.removesuffix(SCALE): tensor for name, tensor in tensors.items() if name.endswith(SCALE)
    }
    state = {name: tensor for name, tensor in tensors.items() if not name.endswith(SCALE)}
    for name, scale_O in scales.items():
        kernel = state.get(name)
        if kernel is None or kernel.ndim != 4 or tuple(scale_O.shape) != (len(kernel),):
            raise ValueError(f"{name}{SCALE} fits no kernel")
        state[name] = kernel.to(torch.float32) * scale_O.to(torch.float32)[:, None, None, None]
    return state
