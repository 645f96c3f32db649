"""The textures that micrographs are made of, each of mean 0 and standard deviation 1.

All are drawn from a generator that is handed in, so a seed fixes them. Lengths are pixels.

Shapes: Y, X pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import fft

from scopeside.messages import Float32, Int64

Shape = tuple[int, int]
Turn = Float32 | np.float32
"""An angle for the whole field, or for every pixel of it."""

Kind = Literal["lattice", "moire", "speckle", "cloud", "grit", "fibres", "maze"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Texture:
    """What one material looks like, brightness and contrast apart.

    `period_px` is the spacing of a lattice, the centre of a speckle's band, the distance of
    grit, the width of fibres and of a maze's walls. `shape` is a number in [0, 1] that each kind
    reads in its own way: the angle of a lattice's cell, the ratio of a moire, the width of a
    speckle's band, the slope of a cloud, the density of grit, the length of fibres.
    """

    kind: Kind
    period_px: float
    shape: float
    angle: float
    order: float = 1.0
    """Share of the contrast that is the texture's own; the rest is speckle of half its period,
    as on a crystal with damaged surfaces or in a film that has begun to turn amorphous."""
    strain_px: float = 0.0
    """Standard deviation of a smooth displacement of a lattice."""
    bending: float = 0.0
    """Relative standard deviation of a lattice's contrast over the field."""
    sharpness: float = 0.0
    """0 leaves a lattice sinusoidal, 1 makes its columns narrow and bright."""


def drawn(
    texture: Texture, shape: Shape, random: np.random.Generator, angle_YX: Float32 | None = None
) -> Float32:
    """Return a field of `texture`; `angle_YX` turns a lattice grain by grain."""
    if texture.kind == "lattice" or texture.kind == "moire":
        turn_YX = np.float32(texture.angle) if angle_YX is None else angle_YX
        own_YX = _lattice(texture, shape, random, turn_YX)
    else:
        own_YX = _OTHERS[texture.kind](texture, shape, random)
    if texture.order >= 1.0:
        return own_YX
    speckle_YX = band(shape, random, period_px=max(2.5, 0.5 * texture.period_px), width=0.5)
    mixed_YX = np.sqrt(texture.order) * own_YX + np.sqrt(1.0 - texture.order) * speckle_YX
    return _unit(mixed_YX)


def smooth(shape: Shape, random: np.random.Generator, *, length_px: float) -> Float32:
    """Return a Gaussian random field of correlation length `length_px`."""
    k_YX = _wavenumbers(shape)
    return _filtered(shape, random, np.exp(-0.5 * (2.0 * np.pi * length_px * k_YX) ** 2))


def band(shape: Shape, random: np.random.Generator, *, period_px: float, width: float) -> Float32:
    """Return noise in an isotropic log-normal band around `1 / period_px`."""
    k_YX = _wavenumbers(shape)
    gain_YX = np.exp(-0.5 * (np.log(np.maximum(k_YX, 1e-6) * period_px) / width) ** 2)
    return _filtered(shape, random, gain_YX)


def _lattice(texture: Texture, shape: Shape, random: np.random.Generator, turn_YX: Turn) -> Float32:
    """Fringes of one lattice, or of two of nearly one spacing, which beat slowly."""
    y_YX, x_YX = _displaced(texture, shape, random)
    field_YX = _waves(texture, y_YX, x_YX, random, turn_YX, period_px=texture.period_px)
    if texture.kind == "moire":
        ratio = 1.08 + 0.25 * texture.shape
        field_YX += _waves(
            texture, y_YX, x_YX, random, turn_YX, period_px=ratio * texture.period_px
        )
    return _unit(_bent(texture, field_YX, random))


def _waves(
    texture: Texture,
    y_YX: Float32,
    x_YX: Float32,
    random: np.random.Generator,
    turn_YX: Turn,
    *,
    period_px: float,
) -> Float32:
    """Sum the fringes of a two-dimensional cell; its angle and second spacing are the shape."""
    # 60 to 90 degrees, and a second spacing of 0.75 to 1.25 of the first.
    cell = np.pi * (1.0 / 3.0 + texture.shape / 6.0)
    second = 0.75 + 0.5 * ((7.0 * texture.shape) % 1.0)
    reciprocal = [(0.0, 1.0, 1.0), (cell, 1.0 / second, 0.8)]
    if texture.shape < 0.8:
        reciprocal.append((0.5 * cell, 2.0 * np.cos(0.5 * cell) / (0.5 + 0.5 * second), 0.5))
    phases = random.uniform(0.0, 2.0 * np.pi, len(reciprocal))
    field_YX = np.zeros(y_YX.shape, np.float32)
    for (angle, frequency, weight), phase in zip(reciprocal, phases, strict=True):
        k = np.float32(2.0 * np.pi * frequency / period_px)
        wave_YX = np.cos(turn_YX + np.float32(angle)) * x_YX
        wave_YX += np.sin(turn_YX + np.float32(angle)) * y_YX
        field_YX += np.float32(weight) * np.cos(k * wave_YX + np.float32(phase))
    if texture.sharpness > 0:
        field_YX = np.exp(np.float32(1.2 * texture.sharpness) * field_YX)
    return field_YX


def _displaced(
    texture: Texture, shape: Shape, random: np.random.Generator
) -> tuple[Float32, Float32]:
    y_YX, x_YX = (axis.astype(np.float32) for axis in np.indices(shape))
    if texture.strain_px > 0:
        length_px = max(shape) / 7.0
        y_YX += np.float32(texture.strain_px) * smooth(shape, random, length_px=length_px)
        x_YX += np.float32(texture.strain_px) * smooth(shape, random, length_px=length_px)
    return y_YX, x_YX


def _bent(texture: Texture, field_YX: Float32, random: np.random.Generator) -> Float32:
    field_YX = field_YX - field_YX.mean()
    if texture.bending > 0:
        shape = (field_YX.shape[0], field_YX.shape[1])
        envelope_YX = smooth(shape, random, length_px=max(shape) / 5.0)
        field_YX *= np.maximum(0.15, 1.0 + np.float32(texture.bending) * envelope_YX)
    return field_YX


def _speckle(texture: Texture, shape: Shape, random: np.random.Generator) -> Float32:
    return band(shape, random, period_px=texture.period_px, width=0.15 + 0.5 * texture.shape)


def _cloud(texture: Texture, shape: Shape, random: np.random.Generator) -> Float32:
    """Noise with a power law between white and that of a rough surface."""
    k_YX = np.maximum(_wavenumbers(shape), 1.0 / 48.0)
    return _filtered(shape, random, np.asarray(k_YX ** (-2.2 * texture.shape), np.float32))


def _grit(texture: Texture, shape: Shape, random: np.random.Generator) -> Float32:
    """Fine precipitates or pores: where a band of noise exceeds a level, with soft edges."""
    noise_YX = band(shape, random, period_px=1.6 * texture.period_px, width=0.3)
    level = 1.6 - 1.6 * texture.shape
    return _unit(1.0 / (1.0 + np.exp(-6.0 * (noise_YX - np.float32(level)))))


def _maze(texture: Texture, shape: Shape, random: np.random.Generator) -> Float32:
    """Cells and ligaments: thin walls where a band of noise crosses zero."""
    noise_YX = band(shape, random, period_px=2.2 * texture.period_px, width=0.25)
    wall = np.float32(0.15 + 0.4 * texture.shape)
    return _unit(np.exp(-((noise_YX / wall) ** 2)))


def _fibres(texture: Texture, shape: Shape, random: np.random.Generator) -> Float32:
    """Lamellae or scratches: noise drawn out along one direction."""
    ky = np.fft.fftfreq(shape[0]).astype(np.float32)[:, None]
    kx = np.fft.rfftfreq(shape[1]).astype(np.float32)[None, :]
    along_YX = np.cos(texture.angle) * kx + np.sin(texture.angle) * ky
    across_YX = np.cos(texture.angle) * ky - np.sin(texture.angle) * kx
    length_px = texture.period_px * (1.5 + 4.0 * texture.shape)
    ring_YX = np.log(np.maximum(np.abs(across_YX), 1e-6) * texture.period_px) / 0.45
    gain_YX = np.exp(-0.5 * ring_YX**2 - 0.5 * (2.0 * np.pi * length_px * along_YX / 2.5) ** 2)
    return _filtered(shape, random, gain_YX)


_OTHERS: dict[Kind, Callable[[Texture, Shape, np.random.Generator], Float32]] = {
    "speckle": _speckle,
    "cloud": _cloud,
    "grit": _grit,
    "fibres": _fibres,
    "maze": _maze,
}
KINDS: tuple[Kind, ...] = ("lattice", "moire", "speckle", "cloud", "grit", "fibres", "maze")


def grains(shape: Shape, random: np.random.Generator, *, count: int) -> Int64:
    """Return the grain, 0 to `count - 1`, of every pixel: cells of centres with bent borders."""
    y_YX, x_YX = (axis.astype(np.float32) for axis in np.indices(shape))
    bend_px = 0.06 * max(shape)
    y_YX += np.float32(bend_px) * smooth(shape, random, length_px=max(shape) / 12.0)
    x_YX += np.float32(bend_px) * smooth(shape, random, length_px=max(shape) / 12.0)
    nearest_YX = np.full(shape, np.inf, np.float32)
    grain_YX = np.zeros(shape, np.int64)
    for grain in range(count):
        y0, x0 = random.uniform((0.0, 0.0), shape)
        distance_YX = (y_YX - np.float32(y0)) ** 2 + (x_YX - np.float32(x0)) ** 2
        closer_YX = distance_YX < nearest_YX
        grain_YX[closer_YX] = grain
        nearest_YX[closer_YX] = distance_YX[closer_YX]
    return grain_YX


def _wavenumbers(shape: Shape) -> Float32:
    """Cycles per pixel of each coefficient of a real transform."""
    ky = np.fft.fftfreq(shape[0]).astype(np.float32)[:, None]
    kx = np.fft.rfftfreq(shape[1]).astype(np.float32)[None, :]
    return np.asarray(np.sqrt(ky**2 + kx**2), np.float32)


def _filtered(shape: Shape, random: np.random.Generator, gain_YX: Float32) -> Float32:
    noise_YX = random.standard_normal(shape, dtype=np.float32)
    spectrum_YX = fft.rfft2(noise_YX) * gain_YX.astype(np.float32)
    spectrum_YX[0, 0] = 0.0
    return _unit(fft.irfft2(spectrum_YX, s=shape))


def _unit(field_YX: Float32) -> Float32:
    field_YX = field_YX - field_YX.mean()
    deviation = float(field_YX.std())
    return np.asarray(field_YX / np.float32(max(deviation, 1e-6)), np.float32)
