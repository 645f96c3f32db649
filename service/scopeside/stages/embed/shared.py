"""Shared-trunk embedding: one pass over the frame, then each chip's window of the map.

A chip sees its surroundings here (the receptive field reaches past its edge) where chip-by-chip
it sees padding, so this is another function than `ChipsEmbedder`, with its own embeddings;
`parity.shared_agreement` measures how far the two agree.

Shapes: Y, X frame pixels; H, W input pixels (scaled and padded to multiples of 32); h, w pixels
of the stride-32 map; R, C rows and columns of the chip grid; D = 2048 features.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from scopeside.messages import Array, ChipGrid, Float32, Int64
from scopeside.ports import EmbedderInfo
from scopeside.stages.embed.encoder import Encoder, Program, output_shape
from scopeside.stages.embed.resnet50 import FEATURES, STRIDE_PX
from scopeside.stages.embed.weights import Weights
from scopeside_kernels import reference

PLANS = 4
"""Chip grids that stay compiled; the one used longest ago goes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What one chip grid needs: the program, its input, and the windows' weights."""

    program: Program
    input_HW: Float32
    map_hwD: Float32
    scale_HY: sparse.csr_array | None
    scale_WX: sparse.csr_array | None
    mirror_H: Int64
    mirror_W: Int64
    rows_Rh: Float32
    cols_Cw: Float32


class SharedEmbedder:
    """Runs the trunk once over the frame and average-pools every chip's window from its map.

    Where `input_px` differs from the chips' size, the frame is scaled so that a chip covers
    `input_px` input pixels. `prepare` reuses one buffer for each grid.
    """

    def __init__(self, encoder: Encoder, weights: Weights, *, input_px: int) -> None:
        self._encoder = encoder
        self._input_px = input_px
        self._plans: OrderedDict[ChipGrid, _Plan] = OrderedDict()
        self._info = EmbedderInfo(
            name=f"shared/{encoder.name}/{encoder.precision}",
            weights_name=weights.name,
            weights_sha256=weights.sha256,
            device=encoder.device,
            features=FEATURES,
        )

    @property
    def info(self) -> EmbedderInfo:
        return self._info

    def plan(self, grid: ChipGrid) -> None:
        """Compile for the frame's shape and weigh the windows, unless `grid` is planned."""
        if grid in self._plans:
            self._plans.move_to_end(grid)
            return
        while len(self._plans) >= PLANS:
            self._plans.popitem(last=False)
        self._plans[grid] = self._planned(grid)

    def prepare(self, image_YX: Float32, grid: ChipGrid) -> Array:
        """Return the frame scaled and padded by reflection, `(1, 1, 1, H, W)`."""
        self.plan(grid)
        plan = self._plans[grid]
        scaled_YX = image_YX
        if plan.scale_HY is not None and plan.scale_WX is not None:
            scaled_YX = (plan.scale_WX @ (plan.scale_HY @ image_YX).T).T
        ny, nx = scaled_YX.shape
        plan.input_HW[:ny, :nx] = scaled_YX
        plan.input_HW[ny:, :nx] = plan.input_HW[plan.mirror_H, :nx]
        plan.input_HW[:, nx:] = plan.input_HW[:, plan.mirror_W]
        return plan.input_HW[None, None, None]

    def embed(self, prepared: Array, grid: ChipGrid) -> Float32:
        """Return `(N, 2048)` embeddings in the grid's order."""
        plan = self._plans[grid]
        plan.program(prepared, plan.map_hwD[None, None])
        return pool_windows(plan.map_hwD, plan.rows_Rh, plan.cols_Cw)

    def _planned(self, grid: ChipGrid) -> _Plan:
        scale = self._input_px / grid.chip_px
        scaled = tuple(max(1, round(length * scale)) for length in grid.shape)
        # A frame smaller than a chip grows to one by reflection, as its chip does elsewhere.
        height, width = (
            -(-max(length, self._input_px) // STRIDE_PX) * STRIDE_PX for length in scaled
        )
        shape_BCHW = (1, 1, height, width)
        _, map_rows, map_cols, _ = output_shape(shape_BCHW, "map")
        resized = scaled != grid.shape
        program = self._encoder.compile(shape_BCHW, "map")
        input_HW = np.zeros((height, width), np.float32)
        map_hwD = np.zeros((map_rows, map_cols, FEATURES), np.float32)
        # The first run allocates and generates code, which no frame shall wait for.
        program(input_HW[None, None, None], map_hwD[None, None])
        return _Plan(
            program=program,
            input_HW=input_HW,
            map_hwD=map_hwD,
            scale_HY=_scaling(grid.shape[0], scaled[0]) if resized else None,
            scale_WX=_scaling(grid.shape[1], scaled[1]) if resized else None,
            mirror_H=_mirrored(scaled[0], height),
            mirror_W=_mirrored(scaled[1], width),
            rows_Rh=window_weights(grid.y0_R * scale, self._input_px, map_rows),
            cols_Cw=window_weights(grid.x0_C * scale, self._input_px, map_cols),
        )


def window_weights(start_px: Array, size_px: float, cells: int) -> Float32:
    """Return `(windows, cells)`: each window's share of every map cell, rows summing to one.

    A window covers `[start_px, start_px + size_px)` of the input and a cell 32 pixels; where a
    cell lies partly inside, it counts by the part inside. Windows must not begin before 0.
    """
    low = np.asarray(start_px, np.float64)[:, None] / STRIDE_PX
    high = low + size_px / STRIDE_PX
    cell = np.arange(cells)
    inside = np.clip(np.minimum(high, cell + 1) - np.maximum(low, cell), 0.0, None)
    share: Float32 = (inside / inside.sum(axis=1, keepdims=True)).astype(np.float32)
    return share


def pool_windows(map_hwD: Float32, rows_Rh: Float32, cols_Cw: Float32) -> Float32:
    """Return `(R * C, D)`: the weighted mean of the map over every window, row-major."""
    h, w, features = map_hwD.shape
    bands_RwD = (rows_Rh @ map_hwD.reshape(h, w * features)).reshape(-1, w, features)
    pooled_RCD: Float32 = np.matmul(cols_Cw, bands_RwD)
    return pooled_RCD.reshape(-1, features)


def _scaling(length_px: int, size_px: int) -> sparse.csr_array:
    return sparse.csr_array(reference.resize_weights(length_px, size_px))


def _mirrored(length: int, padded: int) -> Int64:
    """Return, for each position from `length` to `padded`, the one it repeats by reflection."""
    phase = np.arange(length, padded, dtype=np.int64) % (2 * length)
    return np.where(phase < length, phase, 2 * length - 1 - phase)
