"""Textures with a period: fringes, the beating of two lattices, columns of several atoms.

Shapes: Y, X pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scopeside.messages import Float32
from scopeside.pretraining.fields import Shape, Turn, digits, displaced, smooth, unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Lattice:
    """A two-dimensional cell; `look` in [0, 1] gives its angle and its second spacing.

    `strain_px` is the deviation of a smooth displacement, `bending` that of the contrast over
    the field. `sharpness` 0 leaves fringes sinusoidal, 1 makes columns narrow and bright.
    """

    period_px: float
    look: float
    strain_px: float
    bending: float
    sharpness: float

    @property
    def cell_angle(self) -> float:
        """60 to 90 degrees."""
        return float(np.pi * (1.0 / 3.0 + self.look / 6.0))

    @property
    def second(self) -> float:
        """The second spacing as a share of the first, 0.75 to 1.25."""
        return 0.75 + 0.5 * digits(self.look, 1)[0]

    def coordinates(self, shape: Shape, random: np.random.Generator) -> tuple[Float32, Float32]:
        """Return where each pixel lies in the unstrained lattice, in pixels."""
        return displaced(shape, random, by_px=self.strain_px, length_px=max(shape) / 7.0)

    def bent(self, field_YX: Float32, random: np.random.Generator) -> Float32:
        """Return the field, its contrast changing slowly, as unit noise."""
        field_YX = field_YX - field_YX.mean()
        if self.bending > 0:
            shape = (field_YX.shape[0], field_YX.shape[1])
            envelope_YX = smooth(shape, random, length_px=max(shape) / 5.0)
            field_YX *= np.maximum(0.15, 1.0 + np.float32(self.bending) * envelope_YX)
        return unit(field_YX)


def fringes(lattice: Lattice, shape: Shape, random: np.random.Generator, turn_YX: Turn) -> Float32:
    """Return the fringes of one lattice."""
    coordinates = lattice.coordinates(shape, random)
    field_YX = _waves(lattice, coordinates, random, turn_YX, period_px=lattice.period_px)
    return lattice.bent(field_YX, random)


def moire(lattice: Lattice, shape: Shape, random: np.random.Generator, turn_YX: Turn) -> Float32:
    """Return the fringes of two lattices of nearly one spacing, which beat slowly."""
    coordinates = lattice.coordinates(shape, random)
    longer_px = (1.08 + 0.25 * lattice.look) * lattice.period_px
    field_YX = _waves(lattice, coordinates, random, turn_YX, period_px=lattice.period_px)
    field_YX += _waves(lattice, coordinates, random, turn_YX, period_px=longer_px)
    return lattice.bent(field_YX, random)


def columns(lattice: Lattice, shape: Shape, random: np.random.Generator, turn_YX: Turn) -> Float32:
    """Return atomic columns: a cell of two or three atoms of unlike weight, as in an oxide's
    sublattices or a semiconductor's dumbbells."""
    y_YX, x_YX = lattice.coordinates(shape, random)
    first, second, apart, weight = digits(lattice.look, 4)
    u_YX = (np.cos(turn_YX) * x_YX + np.sin(turn_YX) * y_YX) / np.float32(lattice.period_px)
    oblique = turn_YX + np.float32(lattice.cell_angle)
    v_YX = (np.cos(oblique) * x_YX + np.sin(oblique) * y_YX) / np.float32(
        lattice.second * lattice.period_px
    )
    # An atom in the middle of the cell, or two that nearly touch; a third on an edge.
    beside = (0.5, 0.5) if apart < 0.5 else (0.18 + 0.2 * first, 0.0)
    atoms = [(0.0, 0.0, 1.0), (*beside, 0.2 + 0.8 * weight)]
    if second > 0.6:
        atoms.append((0.5, 0.0, 0.35))
    narrow = np.float32(1.5 + 4.5 * lattice.sharpness)
    corner_u, corner_v = random.random(2)
    field_YX = np.zeros(u_YX.shape, np.float32)
    for at_u, at_v, strength in atoms:
        near_YX = np.cos(np.float32(2.0 * np.pi) * (u_YX - np.float32(at_u + corner_u)))
        near_YX += np.cos(np.float32(2.0 * np.pi) * (v_YX - np.float32(at_v + corner_v)))
        field_YX += np.float32(strength) * np.exp(narrow * (near_YX - 2.0))
    return lattice.bent(field_YX, random)


def _waves(
    lattice: Lattice,
    coordinates: tuple[Float32, Float32],
    random: np.random.Generator,
    turn_YX: Turn,
    *,
    period_px: float,
) -> Float32:
    """Sum the fringes of the cell."""
    y_YX, x_YX = coordinates
    cell, second = lattice.cell_angle, lattice.second
    reciprocal = [(0.0, 1.0, 1.0), (cell, 1.0 / second, 0.8)]
    if lattice.look < 0.8:
        reciprocal.append((0.5 * cell, 2.0 * np.cos(0.5 * cell) / (0.5 + 0.5 * second), 0.5))
    phases = random.uniform(0.0, 2.0 * np.pi, len(reciprocal))
    field_YX = np.zeros(y_YX.shape, np.float32)
    for (angle, frequency, weight), phase in zip(reciprocal, phases, strict=True):
        k = np.float32(2.0 * np.pi * frequency / period_px)
        wave_YX = np.cos(turn_YX + np.float32(angle)) * x_YX
        wave_YX += np.sin(turn_YX + np.float32(angle)) * y_YX
        field_YX += np.float32(weight) * np.cos(k * wave_YX + np.float32(phase))
    if lattice.sharpness > 0:
        field_YX = np.exp(np.float32(1.2 * lattice.sharpness) * field_YX)
    return field_YX
