"""Which kind of material lies where, before the beam changed anything.

Shapes: Y, X points; lengths are metres. Everything is hashed from its place: nothing is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scopeside.messages import Float32, UInt8
from scopeside.testing.lattice import smooth_field
from scopeside.twin.cells import Cells, Nearest
from scopeside.twin.hashing import Float64
from scopeside.twin.makeup import Kind, MakeUp
from scopeside.twin.tile import Tile
from scopeside.twin.view import View

# Salts of the hashes: far enough apart for the numbers that each kind of cell draws.
_GRAINS, _PRECIPITATES, _HOLES, _FIELDS = 100, 200, 300, 400
_WARP_CELL_M = 2e-9
_WARP = 0.09
"""How far grain borders bend, relative to the grains."""
_WARP_MOST_M = 8e-9
_UNEVEN_M = 0.8e-9
"""How far the borders of particles and holes are from circles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What lies at every point: its kind, and of a crystal the turn, the tone and the hardness.

    `rim_YX` is the distance to the nearest border with vacuum, in metres, positive inside the film.
    `hardness_YX` is a standard normal number of the grain.
    """

    kind_YX: UInt8
    angle_YX: Float32
    tone_YX: Float32
    hardness_YX: Float32
    rim_YX: Float32


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A film with grains, precipitates, holes and an edge."""

    makeup: MakeUp
    seed: int

    def at(self, view: View) -> Ground:
        """Return what a view shows."""
        made = self.makeup
        x_X, y_Y = view.x_X, view.y_Y
        across_YX, down_YX = (tile.at(x_X, y_Y, pixel_m=view.pixel_m) for tile in self._warps)
        # Borders of grains bend with the fields; discs stay discs, a little uneven.
        bend_m = min(_WARP * made.grain_m, _WARP_MOST_M)
        grain = self._grains.nearest(x_X + bend_m * across_YX, y_Y[:, None] + bend_m * down_YX)
        x_YX, y_YX = x_X + _UNEVEN_M * across_YX, y_Y[:, None] + _UNEVEN_M * down_YX
        draw_YX = self._drawn(self._grains, 0, grain)
        amorphous_YX = draw_YX < made.amorphous_share
        second_YX = ~amorphous_YX & (draw_YX < made.amorphous_share + made.second_phase_share)
        kind_YX = np.full(x_YX.shape, Kind.CRYSTAL, np.uint8)
        kind_YX[amorphous_YX] = Kind.AMORPHOUS
        kind_YX[second_YX] = Kind.SECOND_PHASE
        if made.precipitate_chance > 0:
            particle_YX = self._precipitates.nearest(
                x_YX, y_YX, radius=self._precipitate_radius
            ).distance_YX
            kind_YX[(particle_YX < 0) & (kind_YX == Kind.CRYSTAL)] = Kind.PRECIPITATE
        rim_YX = self._rim(x_YX, y_YX)
        kind_YX[rim_YX < 0] = Kind.VACUUM
        # Box and Muller's way from two uniform numbers to a normal one.
        first_YX = self._drawn(self._grains, 1, grain)
        second_draw_YX = self._drawn(self._grains, 2, grain)
        normal_YX = np.sqrt(-2.0 * np.log1p(-first_YX)) * np.cos(2.0 * np.pi * second_draw_YX)
        return Ground(
            kind_YX=kind_YX,
            angle_YX=(np.pi * self._drawn(self._grains, 3, grain)).astype(np.float32),
            tone_YX=self._drawn(self._grains, 4, grain).astype(np.float32),
            hardness_YX=normal_YX.astype(np.float32),
            rim_YX=rim_YX.astype(np.float32),
        )

    def _rim(self, x_YX: Float64, y_YX: Float64) -> Float64:
        """Return the distance to vacuum, in metres: to the film's edge or to a hole."""
        half_m = 0.5 * self.makeup.extent_m
        rim_YX = np.minimum(half_m - np.abs(x_YX), half_m - np.abs(y_YX))
        if self.makeup.hole_chance > 0:
            hole_YX = self._holes.nearest(x_YX, y_YX, radius=self._hole_radius).distance_YX
            rim_YX = np.minimum(rim_YX, hole_YX)
        return rim_YX

    def _drawn(self, cells: Cells, use: int, nearest: Nearest) -> Float64:
        """Return a number of the cell at every point, hashed once a cell and not once a point."""
        i0, j0 = int(nearest.i_YX.min()), int(nearest.j_YX.min())
        i_J, j_J = np.meshgrid(
            np.arange(i0, nearest.i_YX.max() + 1), np.arange(j0, nearest.j_YX.max() + 1)
        )
        table = cells.number(use, i_J, j_J)
        numbers: Float64 = table[nearest.j_YX - j0, nearest.i_YX - i0]
        return numbers

    def _precipitate_radius(self, i: np.ndarray, j: np.ndarray) -> Float64:
        return self._radius(
            self._precipitates,
            self.makeup.precipitate_chance,
            self.makeup.precipitate_radius_m,
            i,
            j,
        )

    def _hole_radius(self, i: np.ndarray, j: np.ndarray) -> Float64:
        return self._radius(self._holes, self.makeup.hole_chance, self.makeup.hole_radius_m, i, j)

    def _radius(
        self,
        cells: Cells,
        chance: float,
        between_m: tuple[float, float],
        i: np.ndarray,
        j: np.ndarray,
    ) -> Float64:
        """Return the radius of each square's disc; one that is not there has its edge far away."""
        low_m, high_m = between_m
        radius = low_m + (high_m - low_m) * cells.number(0, i, j)
        there = cells.number(1, i, j) < chance
        radii: Float64 = np.where(there, radius, -10.0 * cells.pitch_m)
        return radii

    @cached_property
    def _grains(self) -> Cells:
        return Cells(seed=self.seed, salt=_GRAINS, pitch_m=self.makeup.grain_m)

    @cached_property
    def _precipitates(self) -> Cells:
        return Cells(seed=self.seed, salt=_PRECIPITATES, pitch_m=self.makeup.precipitate_pitch_m)

    @cached_property
    def _holes(self) -> Cells:
        return Cells(seed=self.seed, salt=_HOLES, pitch_m=self.makeup.hole_pitch_m)

    @cached_property
    def _warps(self) -> tuple[Tile, Tile]:
        generator = np.random.default_rng((self.seed, _FIELDS))
        length_px = max(3.0, min(0.12 * self.makeup.grain_m, 6e-9) / _WARP_CELL_M)
        across, down = (
            Tile(
                values_YX=smooth_field((256, 256), length_px=length_px, generator=generator),
                cell_m=_WARP_CELL_M,
            )
            for _ in range(2)
        )
        return across, down
