"""A texture that repeats for ever, looked at from any distance.

Shapes: Y, X points of a view; the tile itself is square.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scopeside.messages import Float32
from scopeside.twin.hashing import Float64


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A periodic texture sampled at `cell_m`, whose side is a power of two.

    `at` reads it with the pixels of a view: a pixel larger than a cell gets the mean of the cells
    in it, to the next power of two (the pyramid of Williams, SIGGRAPH 1983), so a texture too fine
    for a magnification fades as it does on a camera, and does not alias.
    """

    values_YX: Float32
    cell_m: float

    def at(self, x: Float64, y: Float64, *, pixel_m: float) -> Float32:
        """Return the texture over a grid (`x` of its columns, `y` of its rows) or at points.

        Two arrays of one dimension span a grid; two of two dimensions are points, one by one.
        """
        level = int(np.clip(np.floor(np.log2(pixel_m / self.cell_m)), 0, len(self._levels) - 1))
        values_YX = self._levels[level]
        side, cell_m = len(values_YX), self.cell_m * 2**level
        # A cell of a coarser level has its middle between those of the cells that it joins.
        shift = 0.5 - 0.5 / 2**level
        col, right = _split(x / cell_m - shift)
        row, down = _split(y / cell_m - shift)
        grid = x.ndim == 1
        if grid:
            row, down = row[:, None], down[:, None]
        left, low = col % side, row % side
        next_col, next_row = (col + 1) % side, (row + 1) % side
        above = values_YX[low, left] * (1 - right) + values_YX[low, next_col] * right
        below = values_YX[next_row, left] * (1 - right) + values_YX[next_row, next_col] * right
        read: Float32 = above * (1 - down) + below * down
        return read

    @cached_property
    def _levels(self) -> list[Float32]:
        levels = [self.values_YX]
        while len(levels[-1]) > 4:
            fine = levels[-1]
            half = len(fine) // 2
            levels.append(fine.reshape(half, 2, half, 2).mean(axis=(1, 3), dtype=np.float32))
        return levels


def _split(place: Float64) -> tuple[np.ndarray, Float32]:
    whole = np.floor(place)
    return whole.astype(np.int64), (place - whole).astype(np.float32)
