"""ResNet50 as an OpenVINO model, built operation by operation from the weights.

Building it takes milliseconds, where tracing the torch module takes seconds, and shares no code
with that module, so the parity check compares two readings of the same weights.

Shapes: B chips or frames, H and W input pixels, h = H/32 and w = W/32, D = 2048 features.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as op
from torch import Tensor

from scopeside.stages.embed.folding import Float64, folded, folded_stem, values_of
from scopeside.stages.embed.resnet50 import STAGES, Head

GRAPH_VERSION = 2
"""Goes up when this file builds another graph, so that models compiled from it are not reused."""


def build_model(
    state: Mapping[str, Tensor], *, shape_BCHW: tuple[int, int, int, int], head: Head
) -> ov.Model:
    """Return the network for grey float32 input of the static shape `(B, 1, H, W)`.

    Batch norm is folded into the convolutions in float64. The output is float32: `(B, 2048)`
    for the head `pool`, and `(B, 2048, h, w)` for `map`: a transposition at the end of the graph is
    made as two, the second without any blocking, and takes 5 % of the frame (docs/adr/0025).
    """
    values = values_of(state)
    grey = op.parameter(list(shape_BCHW), np.float32, name="grey")
    x = op.relu(_stem(values, grey))
    x = op.max_pool(x, [2, 2], [1, 1], [1, 1], [1, 1], [3, 3]).output(0)
    for number, stage in enumerate(STAGES, start=1):
        for block in range(stage.blocks):
            x = _bottleneck(values, f"layer{number}.{block}", x, 1 if block else stage.stride)
    if head == "pool":
        x = op.reduce_mean(x, op.constant(np.array([2, 3], np.int64)), keep_dims=False)
    return ov.Model([op.result(x)], [grey], f"resnet50-{head}")


def _stem(values: Mapping[str, Float64], grey: Any) -> Any:
    weight_O2KK, bias_O = folded_stem(values)
    ones = op.constant(np.ones(tuple(grey.shape), np.float32))
    planes = op.concat([grey, ones], axis=1)
    return _convolution(planes, weight_O2KK, bias_O, stride=2, padding=3)


def _bottleneck(values: Mapping[str, Float64], name: str, x: Any, stride: int) -> Any:
    def convolved(x: Any, part: str, stride: int = 1, padding: int = 0) -> Any:
        weight, bias = folded(values, f"{name}.conv{part}", f"{name}.bn{part}")
        return _convolution(x, weight, bias, stride=stride, padding=padding)

    identity = x
    if f"{name}.downsample.0.weight" in values:
        weight, bias = folded(values, f"{name}.downsample.0", f"{name}.downsample.1")
        identity = _convolution(x, weight, bias, stride=stride, padding=0)
    x = op.relu(convolved(x, "1"))
    x = op.relu(convolved(x, "2", stride, padding=1))
    return op.relu(op.add(convolved(x, "3"), identity))


def _convolution(x: Any, weight: Float64, bias_O: Float64, *, stride: int, padding: int) -> Any:
    kernel = op.constant(weight.astype(np.float32))
    pads = [padding, padding]
    convolved = op.convolution(x, kernel, [stride, stride], pads, pads, [1, 1])
    return op.add(convolved, op.constant(bias_O.astype(np.float32)[None, :, None, None]))
