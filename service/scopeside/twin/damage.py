"""What beam and front have done: where dose lies, and where the crystal has lost its order.

Shapes: Y, X pixels of a view; R, C cells of the map of dose. Lengths are metres.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from scopeside.messages import Float32
from scopeside.testing.lattice import smooth_field
from scopeside.twin.hashing import Float64
from scopeside.twin.makeup import MakeUp
from scopeside.twin.tile import Tile
from scopeside.twin.view import View

CELL_M = 1e-9
"""Cells of the map of dose; between their middles it is read linearly."""


class DoseMap:
    """Electrons per m2 that each place of a square film has received."""

    def __init__(self, extent_m: float) -> None:
        self._cells = int(np.ceil(extent_m / CELL_M))
        self._origin_m = -0.5 * self._cells * CELL_M
        self._dose_RC = np.zeros((self._cells, self._cells))

    def expose(
        self, x_m: float, y_m: float, *, width_m: float, height_m: float, electrons: float
    ) -> None:
        """Spread electrons evenly over a rectangle about a place; what misses the film is lost.

        A cell that is covered in part gets its part, so that no electron is counted twice.
        """
        first_c, share_C = self._covered(x_m, width_m)
        first_r, share_R = self._covered(y_m, height_m)
        density = electrons / (width_m * height_m)
        rows = slice(first_r, first_r + len(share_R))
        cols = slice(first_c, first_c + len(share_C))
        self._dose_RC[rows, cols] += density * share_R[:, None] * share_C

    def at(self, x_X: Float64, y_Y: Float64) -> Float64:
        """Return the dose over a grid, linearly between the middles of cells; 0 off the film."""
        rows_YR, cols_XC = self._weights(y_Y), self._weights(x_X)
        (row, down), (col, right) = rows_YR, cols_XC
        padded = self._dose_RC
        above_YX = padded[row][:, col] * (1 - right) + padded[row][:, col + 1] * right
        below_YX = padded[row + 1][:, col] * (1 - right) + padded[row + 1][:, col + 1] * right
        dose_YX: Float64 = above_YX * (1 - down[:, None]) + below_YX * down[:, None]
        return dose_YX

    @property
    def electrons(self) -> float:
        """How many electrons the film received in all."""
        return float(self._dose_RC.sum() * CELL_M**2)

    @property
    def highest_e_per_m2(self) -> float:
        return float(self._dose_RC.max())

    def _covered(self, middle_m: float, length_m: float) -> tuple[int, Float64]:
        """Return the first cell that a length covers, and the covered share of each from there."""
        low = (middle_m - 0.5 * length_m - self._origin_m) / CELL_M
        high = low + length_m / CELL_M
        first = int(np.clip(np.floor(low), 0, self._cells))
        last = int(np.clip(np.ceil(high), first, self._cells))
        edges = np.clip(np.arange(first, last + 1), low, high)
        return first, np.diff(edges)

    def _weights(self, place_m: Float64) -> tuple[np.ndarray, Float64]:
        place = np.clip((place_m - self._origin_m) / CELL_M - 0.5, 0.0, self._cells - 1.001)
        whole = np.floor(place).astype(np.int64)
        return whole, place - whole


@dataclass(frozen=True, kw_only=True)
class Front:
    """A line that crosses the film and makes crystal amorphous behind it; it never turns back.

    It moves along `angle_rad`, beginning `lead_m` behind the origin. Its speed varies with the
    place, and it is rough: both by fields that say how much earlier or later a place is reached.
    """

    seed: int
    speed_m_per_s: float
    lead_m: float = 0.0
    swing_m: float = 5e-9
    """Standard deviation of how far parts of the front run ahead, over tens of nanometres."""
    rough_m: float = 0.5e-9
    """The same over a few nanometres."""

    @property
    def angle_rad(self) -> float:
        """The direction in which it moves; from x towards y."""
        return float(np.random.default_rng((self.seed, 71)).uniform(0.0, 2.0 * np.pi))

    def travelled_m(self, clock_s: float) -> float:
        """Return how far along its way the front has come on average; 0 at the origin."""
        return self.speed_m_per_s * clock_s - self.lead_m

    def ahead(self, view: View, clock_s: float) -> Float32:
        """Return how far ahead of the front each pixel lies, in metres; negative behind it."""
        x_X, y_Y = view.x_X, view.y_Y
        along_YX = np.cos(self.angle_rad) * x_X[None, :] + np.sin(self.angle_rad) * y_Y[:, None]
        slow, quick = self._fields
        along_YX += self.swing_m * slow.at(x_X, y_Y, pixel_m=view.pixel_m)
        along_YX += self.rough_m * quick.at(x_X, y_Y, pixel_m=view.pixel_m)
        ahead_YX: Float32 = (along_YX - self.travelled_m(clock_s)).astype(np.float32)
        return ahead_YX

    @cached_property
    def _fields(self) -> tuple[Tile, Tile]:
        generator = np.random.default_rng((self.seed, 72))
        slow, quick = (
            Tile(
                values_YX=smooth_field((256, 256), length_px=length_px, generator=generator),
                cell_m=cell_m,
            )
            for length_px, cell_m in ((7.0, 2e-9), (6.0, 0.25e-9))
        )
        return slow, quick


@dataclass(frozen=True, kw_only=True)
class Damage:
    """How much of its order a crystal has left at every pixel."""

    makeup: MakeUp
    seed: int
    dose: DoseMap
    front: Front | None
    edge: float = 0.03
    """Half the width, in relative dose, of the change from crystal to amorphous at one place."""
    _edge_m: float = field(default=0.3e-9)

    def order(self, view: View, hardness_YX: Float32, clock_s: float) -> Float32:
        """Return the order left, 1 for a perfect crystal, below one half where it is amorphous."""
        made = self.makeup
        patch_YX = self._patches.at(view.x_X, view.y_Y, pixel_m=view.pixel_m)
        spread_YX = made.critical_spread * hardness_YX + made.patch_spread * patch_YX
        relative_YX = self.dose.at(view.x_X, view.y_Y) / (
            made.critical_e_per_m2 * np.exp(spread_YX)
        )
        order_YX = _eased(0.5 + (1.0 - relative_YX) / (2.0 * self.edge))
        if self.front is not None:
            ahead_YX = self.front.ahead(view, clock_s)
            order_YX = np.minimum(order_YX, _eased(0.5 + ahead_YX / self._edge_m))
        return order_YX.astype(np.float32)

    @cached_property
    def _patches(self) -> Tile:
        generator = np.random.default_rng((self.seed, 73))
        cell_m = self.makeup.patch_m / 8.0
        return Tile(
            values_YX=smooth_field((512, 512), length_px=8.0, generator=generator), cell_m=cell_m
        )


def _eased(share: np.ndarray) -> np.ndarray:
    share = np.clip(share, 0.0, 1.0)
    eased: np.ndarray = share * share * (3.0 - 2.0 * share)
    return eased
