"""Random fields that textures and layouts are built of, each fixed by the generator handed in.

Lengths are pixels. Shapes: Y, X pixels; S sites.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft, spatial

from scopeside.messages import Float32, Int64

Shape = tuple[int, int]
Turn = Float32 | np.float32
"""An angle for the whole field, or for every pixel of it."""


def smooth(shape: Shape, random: np.random.Generator, *, length_px: float) -> Float32:
    """Return a Gaussian random field of correlation length `length_px`."""
    k_YX = _wavenumbers(shape)
    return filtered(shape, random, np.exp(-0.5 * (2.0 * np.pi * length_px * k_YX) ** 2))


def band(shape: Shape, random: np.random.Generator, *, period_px: float, width: float) -> Float32:
    """Return noise in an isotropic log-normal band around `1 / period_px`."""
    k_YX = _wavenumbers(shape)
    gain_YX = np.exp(-0.5 * (np.log(np.maximum(k_YX, 1e-6) * period_px) / width) ** 2)
    return filtered(shape, random, gain_YX)


def power_law(shape: Shape, random: np.random.Generator, *, slope: float) -> Float32:
    """Return noise whose amplitude falls with the wavenumber to the power of `slope`."""
    k_YX = np.maximum(_wavenumbers(shape), 1.0 / 48.0)
    return filtered(shape, random, np.asarray(k_YX**-slope, np.float32))


def filtered(shape: Shape, random: np.random.Generator, gain_YX: Float32) -> Float32:
    """Return white noise multiplied by `gain_YX` in a real transform's coefficients."""
    noise_YX = random.standard_normal(shape, dtype=np.float32)
    spectrum_YX = fft.rfft2(noise_YX) * gain_YX.astype(np.float32)
    spectrum_YX[0, 0] = 0.0
    return unit(fft.irfft2(spectrum_YX, s=shape))


def unit(field_YX: Float32) -> Float32:
    """Return the field with mean 0 and standard deviation 1."""
    field_YX = field_YX - field_YX.mean()
    deviation = float(field_YX.std())
    return np.asarray(field_YX / np.float32(max(deviation, 1e-6)), np.float32)


def displaced(
    shape: Shape, random: np.random.Generator, *, by_px: float, length_px: float
) -> tuple[Float32, Float32]:
    """Return the coordinates of every pixel after a smooth displacement of `by_px` (deviation)."""
    y_YX, x_YX = (axis.astype(np.float32) for axis in np.indices(shape))
    if by_px > 0:
        y_YX += np.float32(by_px) * smooth(shape, random, length_px=length_px)
        x_YX += np.float32(by_px) * smooth(shape, random, length_px=length_px)
    return y_YX, x_YX


def grains(shape: Shape, random: np.random.Generator, *, count: int) -> Int64:
    """Return the grain, 0 to `count - 1`, of every pixel: cells of centres with bent borders."""
    y_YX, x_YX = displaced(shape, random, by_px=0.06 * max(shape), length_px=max(shape) / 12.0)
    nearest_YX = np.full(shape, np.inf, np.float32)
    grain_YX = np.zeros(shape, np.int64)
    for grain in range(count):
        y0, x0 = random.uniform((0.0, 0.0), shape)
        distance_YX = (y_YX - np.float32(y0)) ** 2 + (x_YX - np.float32(x0)) ** 2
        closer_YX = distance_YX < nearest_YX
        grain_YX[closer_YX] = grain
        nearest_YX[closer_YX] = distance_YX[closer_YX]
    return grain_YX


@dataclass(frozen=True, slots=True, kw_only=True)
class Sites:
    """The nearest of many sites of every pixel, its distance, and that of the second nearest."""

    nearest_YX: Int64
    distance_YX: Float32
    second_YX: Float32
    count: int


def sites(
    shape: Shape, random: np.random.Generator, *, spacing_px: float, bend_px: float = 0.0
) -> Sites:
    """Return sites of a square grid of `spacing_px`, each moved within its square.

    So they are as dense everywhere; `bend_px` bends what is drawn about them.
    """
    margin_px = 2.0 * spacing_px
    axes = [np.arange(-margin_px, length + margin_px, spacing_px) for length in shape]
    corner_S2 = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    site_S2 = corner_S2 + random.uniform(0.0, spacing_px, corner_S2.shape)
    pixels = displaced(shape, random, by_px=bend_px, length_px=spacing_px)
    distance_YX2, number_YX2 = spatial.cKDTree(site_S2).query(np.stack(pixels, axis=-1), k=2)
    return Sites(
        nearest_YX=number_YX2[..., 0],
        distance_YX=distance_YX2[..., 0].astype(np.float32),
        second_YX=distance_YX2[..., 1].astype(np.float32),
        count=len(site_S2),
    )


def step(field_YX: Float32, *, width_px: float) -> Float32:
    """Return 0 to 1 where the field rises through zero, over `width_px`."""
    return np.asarray(0.5 + 0.5 * np.tanh(field_YX / np.float32(width_px)), np.float32)


def digits(look: float, count: int) -> list[float]:
    """Return `count` numbers in [0, 1) out of one: what its leading digits to the base 7 leave."""
    return [(look * 7.0**power) % 1.0 for power in range(1, count + 1)]


def _wavenumbers(shape: Shape) -> Float32:
    """Cycles per pixel of each coefficient of a real transform."""
    ky = np.fft.fftfreq(shape[0]).astype(np.float32)[:, None]
    kx = np.fft.rfftfreq(shape[1]).astype(np.float32)[None, :]
    return np.asarray(np.sqrt(ky**2 + kx**2), np.float32)
