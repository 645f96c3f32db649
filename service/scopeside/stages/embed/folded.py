"""ResNet50 for inference: batch norm folded away, weights converted once, channels last.

Shapes: B chips or frames, H and W input pixels, h = H/32 and w = W/32, D = 2048 features.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from scopeside.stages.embed.folding import Float64, folded, folded_stem, values_of
from scopeside.stages.embed.resnet50 import STAGES, Head

FOLDED_VERSION = 1
"""Goes up when this file computes something else, so that engines built from it are not reused."""


class FoldedTrunk(nn.Module):
    """The convolutions of all stages in one precision on one device, from float32 weights."""

    def __init__(
        self, state: Mapping[str, Tensor], *, dtype: torch.dtype, device: torch.device | str
    ) -> None:
        super().__init__()
        values = values_of(state)
        self.stem = _convolution(folded_stem(values), dtype, stride=2, padding=3)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        blocks = [
            FoldedBottleneck(values, f"layer{number}.{block}", 1 if block else stage.stride, dtype)
            for number, stage in enumerate(STAGES, start=1)
            for block in range(stage.blocks)
        ]
        self.blocks = nn.Sequential(*blocks)
        self.to(device).eval().requires_grad_(requires_grad=False)

    def forward(self, x_B1HW: Tensor) -> Tensor:
        """Return the `(B, 2048, h, w)` map of grey input in [0, 1]."""
        # Of a static shape, so that a compiler sees a constant.
        ones_B1HW = torch.ones(x_B1HW.shape, dtype=x_B1HW.dtype, device=x_B1HW.device)
        planes = torch.cat([x_B1HW, ones_B1HW], dim=1)
        return cast(Tensor, self.blocks(self.pool(torch.relu_(self.stem(planes)))))


class FoldedBottleneck(nn.Module):
    """`resnet50.Bottleneck` with its batch norms in its convolutions."""

    def __init__(
        self, values: Mapping[str, Float64], name: str, stride: int, dtype: torch.dtype
    ) -> None:
        super().__init__()

        def part(conv: str, norm: str, *, stride: int = 1, padding: int = 0) -> nn.Conv2d:
            both = folded(values, f"{name}.{conv}", f"{name}.{norm}")
            return _convolution(both, dtype, stride=stride, padding=padding)

        self.conv1 = part("conv1", "bn1")
        self.conv2 = part("conv2", "bn2", stride=stride, padding=1)
        self.conv3 = part("conv3", "bn3")
        self.downsample: nn.Conv2d | None = None
        if f"{name}.downsample.0.weight" in values:
            self.downsample = part("downsample.0", "downsample.1", stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        # In place: what a convolution returns belongs to nobody else.
        x = torch.relu_(self.conv1(x))
        x = torch.relu_(self.conv2(x))
        return torch.relu_(self.conv3(x).add_(identity))


class FoldedResNet50(nn.Module):
    """A folded trunk with a head, for grey input of the trunk's precision."""

    def __init__(self, trunk: FoldedTrunk, head: Head) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = head

    def forward(self, x_B1HW: Tensor) -> Tensor:
        """Return `(B, 2048)` for the head `pool`, `(B, h, w, 2048)` for `map`, in the precision
        of `output_dtype`."""
        map_BDhw = self.trunk(x_B1HW)
        dtype = output_dtype(map_BDhw.dtype, self.head)
        if self.head == "pool":
            return cast(Tensor, map_BDhw.to(dtype).mean(dim=(2, 3)))
        return cast(Tensor, map_BDhw.permute(0, 2, 3, 1).to(dtype))


def output_dtype(dtype: torch.dtype, head: Head) -> torch.dtype:
    """Return the precision of a network's output: float32, or float16 for a float16 `map`.

    The mean of many rounded numbers keeps its precision in float32 alone; a map is large, and
    what reads it knows float16 and float32.
    """
    return torch.float16 if (dtype, head) == (torch.float16, "map") else torch.float32


def _convolution(
    both: tuple[Float64, Float64], dtype: torch.dtype, *, stride: int, padding: int
) -> nn.Conv2d:
    weight_OIKK, bias_O = map(torch.from_numpy, both)
    outputs, inputs, side, _ = weight_OIKK.shape
    with torch.device("meta"):
        convolution = nn.Conv2d(inputs, outputs, side, stride=stride, padding=padding)
    # Channels last, as convolutions on GPUs want them and as a CPU is served no worse.
    placed_OIKK = weight_OIKK.to(dtype, memory_format=torch.channels_last)
    convolution.weight = nn.Parameter(placed_OIKK, requires_grad=False)
    convolution.bias = nn.Parameter(bias_O.to(dtype), requires_grad=False)
    return convolution
