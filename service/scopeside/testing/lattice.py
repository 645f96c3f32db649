"""Textures of a thin film: lattice fringes, amorphous speckle, thickness, front roughness.

Shapes: Y, X pixels of the film. Textures have mean 0 and standard deviation 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scopeside.messages import Float32, UInt8

# Reciprocal-lattice vectors of the simulated zone axis, in units of the first spacing, with the
# weight of each fringe set: a slightly oblique cell, so that the two directions differ.
_FRINGES = ((1.0, 0.0, 1.0), (0.18, 0.82, 0.8), (1.18, 0.82, 0.45))


def smooth_field(
    shape: tuple[int, int], *, length_px: float, generator: np.random.Generator
) -> Float32:
    """Return a Gaussian random field of mean 0, deviation 1 and correlation length `length_px`.

    It is periodic over `shape`; white noise filtered with `exp(-(k * length)^2 / 2)`.
    """
    k_YX = _wavenumbers(shape)
    return _filtered_noise(shape, np.exp(-0.5 * (2.0 * np.pi * k_YX * length_px) ** 2), generator)


def amorphous_speckle(
    shape: tuple[int, int], *, period_px: float, generator: np.random.Generator
) -> Float32:
    """Return the granular contrast of an amorphous film: noise in a band around `1 / period_px`.

    A weak-phase object shows the spatial frequencies that the contrast transfer function passes,
    isotropically; the band here is a log-normal of width 0.45, close to the first pass band
    near Scherzer focus (Williams & Carter, Transmission Electron Microscopy, chapter 28).
    """
    k_YX = _wavenumbers(shape)
    k_YX[0, 0] = np.inf
    gain_YX = np.exp(-0.5 * (np.log(k_YX * period_px) / 0.45) ** 2)
    return _filtered_noise(shape, gain_YX, generator)


def grain_map(shape: tuple[int, int], *, grains: int, generator: np.random.Generator) -> UInt8:
    """Return the grain (0 to `grains - 1`) of every pixel: Voronoi cells of random centres."""
    y_Y = np.arange(shape[0], dtype=np.float32)
    x_X = np.arange(shape[1], dtype=np.float32)
    nearest_YX = np.full(shape, np.inf, dtype=np.float32)
    grain_YX = np.zeros(shape, dtype=np.uint8)
    for grain in range(grains):
        y0, x0 = generator.uniform((0.0, 0.0), shape)
        distance_YX = (y_Y[:, None] - y0) ** 2 + (x_X[None, :] - x0) ** 2
        closer_YX = distance_YX < nearest_YX
        grain_YX[closer_YX] = grain
        nearest_YX[closer_YX] = distance_YX[closer_YX]
    return grain_YX


def lattice_fringes(
    grain_YX: UInt8,
    *,
    spacing_px: float,
    strain_px: float,
    bending: float,
    generator: np.random.Generator,
) -> Float32:
    """Return lattice fringes of the given spacing, each grain turned in the plane by itself.

    `strain_px` is the standard deviation of a smooth displacement that bends the fringes;
    `bending` that of their slowly varying amplitude, for a film that bends in and out of the
    zone axis.
    """
    shape = grain_YX.shape
    angle_G = generator.uniform(0.0, np.pi, size=int(grain_YX.max()) + 1)
    phase_GF = generator.uniform(0.0, 2.0 * np.pi, size=(len(angle_G), len(_FRINGES)))
    length_px = max(shape) / 6.0
    displaced_y = np.arange(shape[0], dtype=np.float32)[:, None] + strain_px * smooth_field(
        shape, length_px=length_px, generator=generator
    )
    displaced_x = np.arange(shape[1], dtype=np.float32)[None, :] + strain_px * smooth_field(
        shape, length_px=length_px, generator=generator
    )
    cos_YX = np.cos(angle_G).astype(np.float32)[grain_YX]
    sin_YX = np.sin(angle_G).astype(np.float32)[grain_YX]
    along_YX = (cos_YX * displaced_x + sin_YX * displaced_y) / np.float32(spacing_px)
    across_YX = (cos_YX * displaced_y - sin_YX * displaced_x) / np.float32(spacing_px)
    fringes_YX = np.zeros(shape, dtype=np.float32)
    for index, (along, across, weight) in enumerate(_FRINGES):
        phase_YX = phase_GF[:, index].astype(np.float32)[grain_YX]
        turns_YX = np.float32(along) * along_YX + np.float32(across) * across_YX
        fringes_YX += np.float32(weight) * np.cos(np.float32(2.0 * np.pi) * turns_YX + phase_YX)
    amplitude_YX = 1.0 + bending * smooth_field(
        shape, length_px=max(shape) / 8.0, generator=generator
    )
    return standardised(fringes_YX * np.clip(amplitude_YX, 0.4, 1.6).astype(np.float32))


def thickness(
    shape: tuple[int, int], *, gradient: float, ripple: float, generator: np.random.Generator
) -> Float32:
    """Return relative brightness of mean 1: a wedge across the frame and a smooth ripple.

    `gradient` is the relative change from edge to edge, `ripple` a relative deviation.
    """
    angle = generator.uniform(0.0, 2.0 * np.pi)
    y_Y = np.linspace(-0.5, 0.5, shape[0])[:, None]
    x_X = np.linspace(-0.5, 0.5, shape[1])[None, :]
    wedge_YX = gradient * (np.cos(angle) * x_X + np.sin(angle) * y_Y)
    ripple_YX = ripple * smooth_field(shape, length_px=max(shape) / 5.0, generator=generator)
    return np.asarray(1.0 + wedge_YX + ripple_YX, dtype=np.float32)


def roughness(rows: int, *, length_px: float, generator: np.random.Generator) -> Float32:
    """Return a self-affine front profile in [0, 1], one value a row, periodic over `rows`.

    Wavelengths down to `length_px`; amplitude falls as `k^-(H + 1/2)` with `H = 1/2`, the
    roughness exponent of a growing line (Kardar, Parisi & Zhang, PRL 56, 889, 1986).
    """
    waves = np.arange(1, max(2, int(rows / length_px)) + 1)
    phase_W = generator.uniform(0.0, 2.0 * np.pi, size=len(waves))
    turns_YW = np.arange(rows)[:, None] * waves[None, :] / rows
    profile_Y = (np.cos(2.0 * np.pi * turns_YW + phase_W) / waves).sum(axis=1)
    profile_Y -= profile_Y.min()
    peak = profile_Y.max()
    return np.asarray(profile_Y / peak if peak > 0 else profile_Y, dtype=np.float32)


def standardised(values_YX: NDArray[np.floating]) -> Float32:
    """Return the values with mean 0 and standard deviation 1."""
    centred_YX = values_YX - values_YX.mean()
    return np.asarray(centred_YX / max(float(centred_YX.std()), 1e-12), dtype=np.float32)


def _wavenumbers(shape: tuple[int, int]) -> NDArray[np.float64]:
    ky_Y, kx_X = np.fft.fftfreq(shape[0]), np.fft.rfftfreq(shape[1])
    return np.asarray(np.hypot(ky_Y[:, None], kx_X[None, :]), dtype=np.float64)


def _filtered_noise(
    shape: tuple[int, int], gain_YX: NDArray[np.float64], generator: np.random.Generator
) -> Float32:
    spectrum_YX = np.fft.rfft2(generator.standard_normal(shape)) * gain_YX
    spectrum_YX[0, 0] = 0.0
    return standardised(np.fft.irfft2(spectrum_YX, s=shape))
