"""Chip-by-chip embedding: the exact mode.

Shapes: N chips, T tiles of B chips each (the last padded), H and W pixels of the encoder's
input, D = 2048 features.
"""

from __future__ import annotations

import numpy as np

from scopeside.messages import Array, ChipGrid, Float32
from scopeside.ports import EmbedderInfo
from scopeside.stages.embed.device_memory import in_fitting_tiles
from scopeside.stages.embed.encoder import Encoder, Program
from scopeside.stages.embed.resnet50 import FEATURES
from scopeside.stages.embed.tiling import tiles_of
from scopeside.stages.embed.weights import Weights
from scopeside_kernels import reference


class ChipsEmbedder:
    """Embeds every chip by itself, in tiles of a fixed batch.

    The encoder is compiled once, for `(batch, 1, input_px, input_px)`: a new grid only changes
    the number of tiles. Where a GPU's memory does not hold a tile, smaller ones are taken.
    `prepare` reuses one buffer, of which a smaller grid takes the front: what it returns lasts
    until it is called again, and a stream that alternates between shapes allocates for the
    largest once.
    """

    def __init__(self, encoder: Encoder, weights: Weights, *, input_px: int, batch: int) -> None:
        self._input_px = input_px
        self._encoder = encoder
        self._program, self._batch = in_fitting_tiles(self._warm, batch)
        self._tiles_TB1HW = np.zeros((1, self._batch, 1, input_px, input_px), np.float32)
        self._info = EmbedderInfo(
            name=f"chips/{encoder.name}/{encoder.precision}",
            weights_name=weights.name,
            weights_sha256=weights.sha256,
            device=encoder.device,
            features=FEATURES,
        )

    def _warm(self, batch: int) -> Program:
        shape_BCHW = (batch, 1, self._input_px, self._input_px)
        program = self._encoder.compile(shape_BCHW, "pool")
        # The first run allocates and generates code, which no frame shall wait for.
        given = np.zeros((1, *shape_BCHW), np.float32)
        program(given, np.empty((1, batch, FEATURES), np.float32))
        return program

    @property
    def info(self) -> EmbedderInfo:
        return self._info

    @property
    def encoder(self) -> Encoder:
        """The library, device and weights that compute."""
        return self._encoder

    @property
    def batch(self) -> int:
        """Chips in a tile; smaller than asked for where the device's memory did not hold more."""
        return self._batch

    def plan(self, grid: ChipGrid) -> None:
        """Make room for `grid`'s chips and touch it; nothing is compiled."""
        tiles = tiles_of(grid.chips, self._batch).tiles
        if len(self._tiles_TB1HW) < tiles:
            shape = (tiles, self._batch, 1, self._input_px, self._input_px)
            self._tiles_TB1HW = np.zeros(shape, np.float32)
            self._tiles_TB1HW.fill(0.0)

    def prepare(self, image_YX: Float32, grid: ChipGrid) -> Array:
        """Return the grid's chips as `(T, B, 1, H, W)`, the last tile filled by repetition."""
        self.plan(grid)
        side = self._input_px
        tiles_TB1HW = self._tiles_TB1HW[: tiles_of(grid.chips, self._batch).tiles]
        flat_NHW = tiles_TB1HW.reshape(-1, side, side)
        reference.chips(
            image_YX, grid.y0_R, grid.x0_C, grid.chip_px, side, out=flat_NHW[: grid.chips]
        )
        flat_NHW[grid.chips :] = flat_NHW[grid.chips - 1]
        return tiles_TB1HW

    def embed(self, prepared: Array, grid: ChipGrid) -> Float32:
        """Return `(N, 2048)` embeddings in the grid's order."""
        out_TBD = np.empty((*prepared.shape[:2], FEATURES), np.float32)
        self._program(prepared, out_TBD)
        return out_TBD.reshape(-1, FEATURES)[: grid.chips]
