"""ResNet50 as torchvision names its tensors, and the grey-input modules that are exported.

Shapes: B chips or frames, H and W input pixels, h = H/32 and w = W/32, D = 2048 features.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, cast

import torch
from torch import Tensor, nn

FEATURES = 2048
"""Width of the last stage: the length of an embedding."""

STRIDE_PX = 32
"""Input pixels for each pixel of the last feature map."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Normalisation of the RGB input, as in torchvision's and MicroNet's training."""

Head = Literal["pool", "map"]
"""What the network gives: one vector an input (`pool`) or the stride-32 map, channels last
(`map`), so that pooling windows from it needs no transposition."""


class Stage(NamedTuple):
    """One of the four residual stages: its blocks, the width of their 3x3, its first stride."""

    blocks: int
    width: int
    stride: int


STAGES = (Stage(3, 64, 1), Stage(4, 128, 2), Stage(6, 256, 2), Stage(3, 512, 2))
EXPANSION = 4


class Bottleneck(nn.Module):
    """A 1x1, 3x3, 1x1 residual block with the stride in the 3x3 (torchvision's "v1.5")."""

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        out_channels = width * EXPANSION
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(self.bn2(self.conv2(x)))
        return torch.relu(self.bn3(self.conv3(x)) + identity)


class ResNet50(nn.Module):
    """The trunk without its classifier; `state_dict` keys are torchvision's, less `fc`."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        channels = 64
        for number, stage in enumerate(STAGES, start=1):
            blocks = []
            for block in range(stage.blocks):
                blocks.append(Bottleneck(channels, stage.width, 1 if block else stage.stride))
                channels = stage.width * EXPANSION
            self.add_module(f"layer{number}", nn.Sequential(*blocks))

    def features(self, x_B3HW: Tensor) -> Tensor:
        """Return the `(B, 2048, h, w)` map of a normalised RGB batch."""
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x_B3HW))))
        for number in range(1, len(STAGES) + 1):
            x = self.get_submodule(f"layer{number}")(x)
        return cast(Tensor, x)

    def forward(self, x_B3HW: Tensor) -> Tensor:
        """Return the `(B, 2048)` global average pool of `features`."""
        return self.features(x_B3HW).mean(dim=(2, 3))


class GreyResNet50(nn.Module):
    """ResNet50 on grey input in [0, 1]: grey to RGB and ImageNet's normalisation included."""

    mean: Tensor
    std: Tensor

    def __init__(self, trunk: ResNet50, head: Head) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = head
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))

    def forward(self, x_B1HW: Tensor) -> Tensor:
        """Return `(B, 2048)` for the head `pool`, `(B, h, w, 2048)` for `map`."""
        x_B3HW = (x_B1HW - self.mean) / self.std
        if self.head == "pool":
            return cast(Tensor, self.trunk(x_B3HW))
        return self.trunk.features(x_B3HW).permute(0, 2, 3, 1)


def skeleton() -> ResNet50:
    """Return the network without memory for its tensors (device `meta`): names and shapes only."""
    with torch.device("meta"):
        return ResNet50()


def from_state(state: Mapping[str, Tensor]) -> ResNet50:
    """Return the network in evaluation mode around `state`'s own float32 tensors."""
    network = skeleton()
    network.load_state_dict(dict(state), strict=False, assign=True)
    for name, buffer in network.named_buffers():
        if name.endswith("num_batches_tracked"):
            owner = network.get_submodule(name.rpartition(".")[0])
            owner.register_buffer("num_batches_tracked", torch.zeros_like(buffer, device="cpu"))
    return network.eval().requires_grad_(requires_grad=False)
