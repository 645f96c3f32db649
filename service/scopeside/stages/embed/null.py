"""An embedder without an encoder, to measure the service around it.

Shapes: N chips, D features (the mean of each cell of a 4 x 4 division of the chip).
"""

from __future__ import annotations

import numpy as np

from scopeside.messages import Array, ChipGrid, Float32
from scopeside.ports import EmbedderInfo

CELLS = 4
"""Cells along each side of a chip."""


class NullEmbedder:
    """Means of chip cells from a summed-area table: deterministic, and next to free."""

    @property
    def info(self) -> EmbedderInfo:
        return EmbedderInfo(
            name="null", weights_name="none", weights_sha256="", device="cpu", features=CELLS**2
        )

    def plan(self, grid: ChipGrid) -> None:
        """Nothing is compiled or kept."""

    def prepare(self, image_YX: Float32, grid: ChipGrid) -> Array:
        """Return the frame's summed-area table, with a leading row and column of zeros."""
        ny, nx = image_YX.shape
        table = np.zeros((ny + grid.pad_y + 1, nx + grid.pad_x + 1), np.float64)
        padded_YX = np.pad(image_YX, ((0, grid.pad_y), (0, grid.pad_x)), mode="symmetric")
        np.cumsum(padded_YX, axis=0, out=table[1:, 1:], dtype=np.float64)
        np.cumsum(table[1:, 1:], axis=1, out=table[1:, 1:])
        return table

    def embed(self, prepared: Array, grid: ChipGrid) -> Float32:
        """Return `(N, 16)`: the mean of every cell of every chip."""
        edges = np.arange(CELLS + 1) * grid.chip_px // CELLS
        y_RS = grid.y0_R[:, None] + edges
        x_CS = grid.x0_C[:, None] + edges
        corners_RSCS = prepared[y_RS[:, :, None, None], x_CS[None, None]]
        sums_RSCS = np.diff(np.diff(corners_RSCS, axis=1), axis=3)
        area_SS = np.diff(edges)[:, None] * np.diff(edges)[None, :]
        means_RCSS = sums_RSCS.transpose(0, 2, 1, 3) / area_SS
        means_ND: Float32 = means_RCSS.reshape(grid.chips, CELLS**2).astype(np.float32)
        return means_ND
