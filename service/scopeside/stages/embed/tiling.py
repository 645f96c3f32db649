"""How the chips of a frame are cut into the static batches that an encoder is compiled for."""

from __future__ import annotations

from dataclasses import dataclass

from scopeside.messages import ChipGrid
from scopeside.settings import Settings

CPU_BATCH = 25
"""Divides the 225 chips of a 512 x 512 frame: no padding."""

GPU_BATCH = 1024
"""The 961 chips of a 1024 x 1024 frame make one tile. At 64 px the largest map of it, 256 channels
of 16 x 16, takes 120 MiB in float16. Reasoned, not measured on a card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiling:
    """`tiles` of `batch` inputs each; `padding` of them are there to fill the last."""

    tiles: int
    batch: int
    padding: int


def equal_tiles(inputs: int, most: int) -> Tiling:
    """Cut `inputs` into as few tiles of at most `most` as there can be, all alike and filled as
    evenly as possible."""
    tiles = -(-inputs // most)
    return tiles_of(inputs, -(-inputs // tiles))


def tiles_of(inputs: int, batch: int) -> Tiling:
    """Cut `inputs` into tiles of the batch that an encoder was compiled for."""
    tiles = -(-inputs // batch)
    return Tiling(tiles=tiles, batch=batch, padding=tiles * batch - inputs)


def configured_tiling(settings: Settings, device: str) -> Tiling:
    """Return the tiling that `settings` ask for: of the chips of a frame of the expected shape."""
    most = settings.embed.batch or (CPU_BATCH if device == "cpu" else GPU_BATCH)
    return equal_tiles(configured_grid(settings).chips, most)


def configured_grid(settings: Settings) -> ChipGrid:
    """Return the chip grid of a frame of `service.frame_shape`."""
    chips = settings.chips
    return ChipGrid(
        shape=settings.service.frame_shape,
        chip_px=chips.size_px,
        stride_px=chips.effective_stride_px,
    )
