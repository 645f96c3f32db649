"""How the chips of a frame are cut into the static batches that an encoder is compiled for."""

from __future__ import annotations

from dataclasses import dataclass

from scopeside.messages import ChipGrid
from scopeside.settings import Settings
from scopeside.stages.embed.lanes import lanes

CPU_BATCH = 25
"""Most chips in one call: larger tiles were no faster for each chip."""

CALL_CHIPS = 1
"""What one call costs besides its chips, in chips: 4 chips took as long as 4.8 of a tile of 13 (one
thread, bf16)."""

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


def tiles_abreast(inputs: int, most: int, lanes: int) -> Tiling:
    """Cut `inputs` into tiles of at most `most` such that `lanes` of them at a time are done
    soonest: what counts is the longest lane, padding and calls included."""

    def longest(batch: int) -> int:
        rounds = -(-tiles_of(inputs, batch).tiles // lanes)
        return rounds * (batch + CALL_CHIPS)

    # Of equals the largest: fewer calls.
    return tiles_of(inputs, min(range(min(inputs, most), 0, -1), key=longest))


def tiles_of(inputs: int, batch: int) -> Tiling:
    """Cut `inputs` into tiles of the batch that an encoder was compiled for."""
    tiles = -(-inputs // batch)
    return Tiling(tiles=tiles, batch=batch, padding=tiles * batch - inputs)


def configured_tiling(settings: Settings, device: str) -> Tiling:
    """Return the tiling that `settings` ask for: of the chips of a frame of the expected shape."""
    chips, batch = configured_grid(settings).chips, settings.embed.batch
    if batch is None and device == "cpu":
        return tiles_abreast(chips, CPU_BATCH, lanes(settings.embed.threads))
    return equal_tiles(chips, batch or GPU_BATCH)


def configured_grid(settings: Settings) -> ChipGrid:
    """Return the chip grid of a frame of `service.frame_shape`."""
    chips = settings.chips
    return ChipGrid(
        shape=settings.service.frame_shape,
        chip_px=chips.size_px,
        stride_px=chips.effective_stride_px,
    )
