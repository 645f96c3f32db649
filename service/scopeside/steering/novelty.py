"""How new what is seen at each place is: the fewer frames a chip has worn its community, the newer.

Freshly turned material and what has just come into view are new; so `novelty` leads a loop to
where a front has just passed, and to the rim after the stage has moved. Only ids and places count,
no embedding: it costs a few microseconds a frame.

Shape suffixes: N chips; Y, X pixels of the frame; R, C rows and columns of the chip grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scopeside.messages import Array, ChipGrid, Float32, Int64, Segmentation
from scopeside.targets.target import PixelToStage


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Which community each chip of a frame wears, and since which frame of the stream."""

    series: str
    at: int
    ids_N: Array
    since_N: Int64
    grid: ChipGrid
    pixel_to_stage: PixelToStage | None

    def novelty_YX(self) -> Float32:
        """Return 1 / (1 + frames before this one) for the chip whose middle is nearest."""
        grid = self.grid
        fresh_N = 1.0 / (1.0 + (self.at - self.since_N))
        fresh_RC = fresh_N.astype(np.float32).reshape(grid.rows, grid.cols)
        row_Y = _nearest(grid.y0_R, grid.chip_px, np.arange(grid.shape[0]))
        column_X = _nearest(grid.x0_C, grid.chip_px, np.arange(grid.shape[1]))
        novelty_YX: Float32 = fresh_RC[row_Y[:, None], column_X[None, :]]
        return novelty_YX


def see(segmentation: Segmentation, before: Seen | None) -> Seen:
    """Return what a frame shows, given what was seen in the one before it.

    Where the stage has moved, a chip is compared with the one that lay over the same place of the
    specimen; without `pixel_to_stage`, over the same pixels.
    """
    frame, grid = segmentation.frame, segmentation.grid
    ids_N = segmentation.identified.ids_N
    at = 0 if before is None else before.at + 1
    since_N = np.full(len(ids_N), at, np.int64)
    if before is not None and before.series == frame.series:
        now_M, then_M = _same_places(grid, frame.pixel_to_stage, before)
        kept_M = ids_N[now_M] == before.ids_N[then_M]
        since_N[now_M[kept_M]] = before.since_N[then_M[kept_M]]
    return Seen(
        series=frame.series,
        at=at,
        ids_N=ids_N,
        since_N=since_N,
        grid=grid,
        pixel_to_stage=frame.pixel_to_stage,
    )


def _same_places(
    grid: ChipGrid, pixel_to_stage: PixelToStage | None, before: Seen
) -> tuple[Int64, Int64]:
    """Return chips of the frame and, for each, the one that lay there before."""
    every_N = np.arange(grid.chips)
    if grid == before.grid and pixel_to_stage == before.pixel_to_stage:
        return every_N, every_N
    y_N = np.repeat(_middles(grid.y0_R, grid.chip_px), grid.cols)
    x_N = np.tile(_middles(grid.x0_C, grid.chip_px), grid.rows)
    if pixel_to_stage is not None and before.pixel_to_stage is not None:
        y_N, x_N = _then(pixel_to_stage, before.pixel_to_stage, y_N, x_N)
    ny, nx = before.grid.shape
    inside_N = (y_N >= 0) & (y_N <= ny - 1) & (x_N >= 0) & (x_N <= nx - 1)
    row_N = _nearest(before.grid.y0_R, before.grid.chip_px, y_N)
    column_N = _nearest(before.grid.x0_C, before.grid.chip_px, x_N)
    then_N = row_N * before.grid.cols + column_N
    return every_N[inside_N], then_N[inside_N]


def _then(now: PixelToStage, then: PixelToStage, y_N: Array, x_N: Array) -> tuple[Array, Array]:
    """Return where pixels of the frame lay in the one before; off it where that had no scale."""
    (a, b, c), (d, e, f) = now
    (g, h, i), (j, k, m) = then
    determinant = g * k - h * j
    if determinant == 0.0:
        nowhere_N = np.full(len(y_N), -1.0)
        return nowhere_N, nowhere_N
    x_m_N, y_m_N = a * x_N + b * y_N + c - i, d * x_N + e * y_N + f - m
    return (g * y_m_N - j * x_m_N) / determinant, (k * x_m_N - h * y_m_N) / determinant


def _middles(origins: Int64, chip_px: int) -> Array:
    middles: Array = origins + (chip_px - 1) / 2
    return middles


def _nearest(origins: Int64, chip_px: int, places: Array) -> Int64:
    """Return the row (or column) of chips whose middle is nearest to each place."""
    middles = _middles(origins, chip_px)
    nearest: Int64 = np.searchsorted((middles[1:] + middles[:-1]) / 2, places)
    return nearest
