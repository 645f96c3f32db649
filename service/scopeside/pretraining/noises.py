"""Textures that are noise in a band: speckle, rough surfaces, grit, fibres, mazes.

`look` in [0, 1] is the one property that each has beside its period. Shapes: Y, X pixels.
"""

from __future__ import annotations

import numpy as np

from scopeside.messages import Float32
from scopeside.pretraining.fields import Shape, band, filtered, power_law, unit


def speckle(shape: Shape, random: np.random.Generator, *, period_px: float, look: float) -> Float32:
    """Return noise in a band, the narrower the more like a lattice."""
    return band(shape, random, period_px=period_px, width=0.15 + 0.5 * look)


def cloud(
    shape: Shape,
    random: np.random.Generator,
    *,
    period_px: float,  # noqa: ARG001 - it has none
    look: float,
) -> Float32:
    """Return noise with a power law between white and that of a rough surface."""
    return power_law(shape, random, slope=2.2 * look)


def grit(shape: Shape, random: np.random.Generator, *, period_px: float, look: float) -> Float32:
    """Return fine precipitates or pores: where a band of noise exceeds a level, softly."""
    noise_YX = band(shape, random, period_px=1.6 * period_px, width=0.3)
    level = 1.6 - 1.6 * look
    return unit(1.0 / (1.0 + np.exp(-6.0 * (noise_YX - np.float32(level)))))


def maze(shape: Shape, random: np.random.Generator, *, period_px: float, look: float) -> Float32:
    """Return cells and ligaments: thin walls where a band of noise crosses zero."""
    noise_YX = band(shape, random, period_px=2.2 * period_px, width=0.25)
    wall = np.float32(0.15 + 0.4 * look)
    return unit(np.exp(-((noise_YX / wall) ** 2)))


def fibres(
    shape: Shape, random: np.random.Generator, *, period_px: float, look: float, angle: float
) -> Float32:
    """Return lamellae or scratches: noise drawn out along one direction."""
    ky = np.fft.fftfreq(shape[0]).astype(np.float32)[:, None]
    kx = np.fft.rfftfreq(shape[1]).astype(np.float32)[None, :]
    along_YX = np.cos(angle) * kx + np.sin(angle) * ky
    across_YX = np.cos(angle) * ky - np.sin(angle) * kx
    length_px = period_px * (1.5 + 4.0 * look)
    ring_YX = np.log(np.maximum(np.abs(across_YX), 1e-6) * period_px) / 0.45
    gain_YX = np.exp(-0.5 * ring_YX**2 - 0.5 * (2.0 * np.pi * length_px * along_YX / 2.5) ** 2)
    return filtered(shape, random, gain_YX)
