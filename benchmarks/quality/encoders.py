"""The encoders that are compared: any weights the service takes, and random ones.

Shapes: N chips of H x W pixels; D embedding features.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from quality.sets import INPUT_PX, Protocol
from scopeside.configuration import Configuration, load_settings
from scopeside.messages import Array, ChipGrid, Float32
from scopeside.ports import Embedder, EmbedderInfo

RANDOM = "random"
CALIBRATION_CHIPS = 768
CALIBRATION_BATCHES = 4


def configuration(weights: str, mode: str, chip_px: int, *sets: str) -> Configuration:
    """Return the service's default settings but for the encoder, the chips and `sets`."""
    return load_settings(
        sets=[
            f"embed.weights={weights}",
            f"embed.mode={mode}",
            f"chips.size_px={chip_px}",
            f"chips.input_px={INPUT_PX}",
            *sets,
        ]
    )


def known_as(one: Embedder) -> str:
    """Return `embed.weights` as far as it matters after the embedding: the unit of distances.

    Only the built-in encoder has one of its own; all others are counted in spreads, as `seeded` is.
    """
    from scopeside.stages.embed.builtin import NAME

    return "builtin" if one.info.weights_name == NAME else "seeded"


def mode_of(one: Embedder) -> str:
    """Return `embed.mode`, which matters after the embedding too: resolutions are judged by it."""
    return "shared" if one.info.name.startswith("shared/") else "chips"


def resolved(weights: str, folder: Path) -> str:
    """Return what `embed.weights` takes; `random` or `random:SEED` is made once, in `folder`."""
    kind, _, seed = weights.partition(":")
    if kind != RANDOM:
        return weights
    path = folder / f"random-{int(seed or 0)}.safetensors"
    if not path.exists():
        from safetensors.torch import save_file

        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(random_state(int(seed or 0)), path)
    return str(path)


def random_state(seed: int) -> dict[str, object]:
    """Return ResNet50 as torchvision initialises it, its batch norm calibrated.

    Convolutions are He-normal by fan-out, batch norm is plain; its statistics are those of the
    simulated chips on which the service's own initialisation is calibrated, since with means of 0
    and variances of 1 the network would be all but dead.
    """
    import torch
    from torch import nn

    from scopeside.stages.embed.calibrate import calibration_chips
    from scopeside.stages.embed.resnet50 import GreyResNet50, ResNet50

    generator = torch.Generator().manual_seed(seed)
    trunk = ResNet50()
    for module in trunk.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(
                module.weight, mode="fan_out", nonlinearity="relu", generator=generator
            )
        elif isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the cumulative average over batches
    network = GreyResNet50(trunk, "pool").train()
    chips_NHW = torch.from_numpy(calibration_chips()[:CALIBRATION_CHIPS])
    with torch.inference_mode():
        for batch_BHW in chips_NHW.chunk(CALIBRATION_BATCHES):
            network(batch_BHW[:, None])
    return {name: tensor.clone().contiguous() for name, tensor in trunk.state_dict().items()}


class Remembering:
    """An embedder that computes the embeddings of each image once, however often it is asked.

    So every clustering of a frame, ours and the baselines', starts from the same embeddings.
    """

    def __init__(self, inner: Embedder) -> None:
        self._inner = inner
        self._known: dict[tuple[bytes, ChipGrid], Float32] = {}

    @property
    def info(self) -> EmbedderInfo:
        return self._inner.info

    def plan(self, grid: ChipGrid) -> None:
        """Nothing: the inner embedder is planned when it is needed."""

    def prepare(self, image_YX: Float32, grid: ChipGrid) -> Array:  # noqa: ARG002
        return image_YX

    def embed(self, prepared: Array, grid: ChipGrid) -> Float32:
        key = (hashlib.blake2b(np.ascontiguousarray(prepared).tobytes()).digest(), grid)
        if key not in self._known:
            self._inner.plan(grid)
            self._known[key] = self._inner.embed(self._inner.prepare(prepared, grid), grid)
        return self._known[key].copy()

    def forget(self) -> None:
        self._known.clear()


def embedder(weights: str, mode: str) -> Remembering:
    """Build the service's embedder; every set shares it, since all chips are resized alike."""
    from scopeside.stages.embed import build_embedder

    return Remembering(build_embedder(configuration(weights, mode, INPUT_PX).settings))


def embedded(one: Embedder, image_YX: Array, protocol: Protocol) -> tuple[Float32, ChipGrid]:
    """Return the embeddings of a frame, normalised as the service does by default, and the grid."""
    from scopeside.assembly import still_frame
    from scopeside.settings import PreprocessSettings
    from scopeside.stages.preprocess import Preprocess

    values_YX = Preprocess(PreprocessSettings())(still_frame(image_YX)).values_YX
    grid = protocol.grid(image_YX.shape)
    return one.embed(one.prepare(values_YX, grid), grid), grid
