"""How each kind of material looks: fringes, speckle, lamellae, bend contours, in mean-1 brightness.

Shapes: Y, X pixels of a view. Contrasts are relative to the brightness of the film.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from scopeside.messages import Float32
from scopeside.testing.lattice import amorphous_speckle, smooth_field
from scopeside.twin.layout import Ground
from scopeside.twin.makeup import Kind
from scopeside.twin.tile import Tile
from scopeside.twin.view import View

_SPECKLE_CELLS = 7.0
"""Cells of a tile to a period of its speckle: with these, linear reading costs little contrast."""
_FRINGES = ((1.0, 0.0, 1.0), (0.0, 1.0, 0.8), (1.0, 1.0, 0.4))
"""Fringe sets of a square cell: along, across, weight."""
_VACUUM = 1.35
"""Brightness of no film at all; the film takes a quarter of the electrons out of the beam."""
_CONTOURS_FROM_M = 0.2e-9
"""Pixel from which bend contours have their full contrast. Nearer, a frame lies inside of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Textures:
    """The tiles that every kind is drawn with; all have mean 0 and deviation 1."""

    speckle: Tile
    mottle: Tile
    """Unevenness of a film of some nanometres, which is what low magnifications see of speckle."""
    bend: Tile
    strain: Tile
    wedge: Tile

    @classmethod
    def drawn(cls, seed: int, *, speckle_m: float) -> Self:
        generators = [np.random.default_rng((seed, 80 + use)) for use in range(5)]
        grain, uneven = (
            amorphous_speckle((512, 512), period_px=_SPECKLE_CELLS, generator=generator)
            for generator in generators[:2]
        )
        bend, strain, wedge = (
            smooth_field((256, 256), length_px=length_px, generator=generator)
            for length_px, generator in zip((10.0, 8.0, 12.0), generators[2:], strict=True)
        )
        return cls(
            speckle=Tile(values_YX=grain, cell_m=speckle_m / _SPECKLE_CELLS),
            mottle=Tile(values_YX=uneven, cell_m=0.28e-9),
            bend=Tile(values_YX=bend, cell_m=1.5e-9),
            strain=Tile(values_YX=strain, cell_m=1e-9),
            wedge=Tile(values_YX=wedge, cell_m=4e-9),
        )


@dataclass(frozen=True, kw_only=True)
class Brush:
    """Draws one view."""

    view: View
    textures: Textures
    ground: Ground
    lattice_m: float

    def drawn(self, order_YX: Float32) -> Float32:
        """Return the brightness of every pixel; a crystal without order is amorphous."""
        present = set(np.unique(self.ground.kind_YX).tolist())
        bright_YX = np.full(self.view.shape, _VACUUM, np.float32)
        for kind, draw in (
            (Kind.AMORPHOUS, self._amorphous),
            (Kind.SECOND_PHASE, self._second_phase),
            (Kind.PRECIPITATE, self._precipitate),
        ):
            if kind in present:
                np.copyto(bright_YX, draw(), where=self.ground.kind_YX == kind)
        if Kind.CRYSTAL in present:
            crystal_YX = self._crystal(order_YX)
            np.copyto(bright_YX, crystal_YX, where=self.ground.kind_YX == Kind.CRYSTAL)
        bright_YX *= 1.0 + np.float32(0.02) * self._read(self.textures.wedge)
        if Kind.VACUUM in present:
            # A Fresnel fringe runs along every border with vacuum.
            rim_YX = self.ground.rim_YX / np.float32(0.5e-9)
            bright_YX *= 1.0 + 0.12 * np.exp(-np.square(rim_YX - 1.0))
            bright_YX *= 1.0 - 0.2 * np.exp(-np.square(rim_YX + 0.6))
        return bright_YX

    def _amorphous(self) -> Float32:
        return np.asarray(1.02 + 0.13 * self._speckle_YX + 0.045 * self._mottle_YX, np.float32)

    def _crystal(self, order_YX: Float32) -> Float32:
        """Fringes turned with the grain, bend contours, and speckle of the damaged surfaces."""
        bend_YX = self._read(self.textures.bend)
        # A contour is dark and narrow, where the bent film meets its Bragg condition.
        depth = np.float32(0.07 * min(1.0, (self.view.pixel_m / _CONTOURS_FROM_M) ** 2))
        contour_YX = depth * np.exp(-np.square(np.float32(6.0) * bend_YX))
        crystal_YX: Float32 = np.float32(0.94) + np.float32(0.08) * self.ground.tone_YX - contour_YX
        crystal_YX += np.float32(0.16) * self._fringes(self.lattice_m)
        crystal_YX += np.float32(0.03) * self._speckle_YX
        if order_YX.min() >= 1.0:
            return crystal_YX
        amorphous_YX = self._amorphous()
        mixed_YX: Float32 = amorphous_YX + order_YX * (crystal_YX - amorphous_YX)
        return mixed_YX

    def _second_phase(self) -> Float32:
        phase_YX = np.float32(0.86) + np.float32(0.03) * self._speckle_YX
        phase_YX += np.float32(0.14) * self._fringes(1.7 * self.lattice_m)
        phase_YX += np.float32(0.09) * self._waves(np.float32(0.6), period_m=3.2e-9)
        return phase_YX

    def _precipitate(self) -> Float32:
        phase_YX = np.float32(0.74) + np.float32(0.05) * self._speckle_YX
        phase_YX += np.float32(0.12) * self._fringes(0.62 * self.lattice_m)
        phase_YX += np.float32(0.06) * self._mottle_YX
        return phase_YX

    def _fringes(self, spacing_m: float) -> Float32:
        """Fringes of mean 0 and deviation 1, as far as the pixels resolve them."""
        fringes_YX = np.zeros(self.view.shape, np.float32)
        for along, across, weight in _FRINGES:
            turn = np.float32(np.arctan2(across, along))
            period_m = spacing_m / float(np.hypot(along, across))
            fringes_YX += np.float32(weight) * self._waves(turn, period_m=period_m)
        power = sum(weight**2 for _, _, weight in _FRINGES) / 2.0
        return fringes_YX / np.float32(np.sqrt(power))

    def _waves(self, turn: np.float32, *, period_m: float) -> Float32:
        """Plane waves at `turn` from the grain's own direction, of amplitude 1.

        The camera's transfer takes most of what is near its Nyquist frequency (an eighth is left
        there) and all that is well above it, so nothing aliases to speak of.
        """
        seen = np.exp(-np.log(8.0) * (2.0 * self.view.pixel_m / period_m) ** 4)
        if seen < 1e-3:
            return np.zeros(self.view.shape, np.float32)
        cos_YX, sin_YX = np.cos(self.ground.angle_YX + turn), np.sin(self.ground.angle_YX + turn)
        # Turns are counted from the specimen's origin in double precision, then wrapped: single
        # precision would blur a fringe a micrometre away.
        turns_YX = (cos_YX * self._x_X + sin_YX * self._y_Y[:, None]) / period_m
        turns_YX -= np.floor(turns_YX)
        phase_YX = turns_YX.astype(np.float32) + np.float32(0.06) * self._strain_YX
        waves_YX: Float32 = np.float32(seen) * np.cos(np.float32(2.0 * np.pi) * phase_YX)
        return waves_YX

    def _read(self, tile: Tile) -> Float32:
        return tile.at(self._x_X, self._y_Y, pixel_m=self.view.pixel_m)

    @cached_property
    def _x_X(self) -> np.ndarray:
        return self.view.x_X

    @cached_property
    def _y_Y(self) -> np.ndarray:
        return self.view.y_Y

    @cached_property
    def _speckle_YX(self) -> Float32:
        return self._read(self.textures.speckle)

    @cached_property
    def _mottle_YX(self) -> Float32:
        return self._read(self.textures.mottle)

    @cached_property
    def _strain_YX(self) -> Float32:
        return self._read(self.textures.strain)
