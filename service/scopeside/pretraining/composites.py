"""Textures of several phases that are one material at the scale of a chip.

Alloys, scales and rocks: mixtures of two or three greys, lamellae, pores and cracks. `look` in
[0, 1] chooses among the ways such a texture can appear. Shapes: Y, X pixels.
"""

from __future__ import annotations

import numpy as np

from scopeside.messages import Float32
from scopeside.pretraining.fields import (
    Shape,
    Turn,
    band,
    digits,
    displaced,
    smooth,
    step,
    unit,
)


def mixture(shape: Shape, random: np.random.Generator, *, period_px: float, look: float) -> Float32:
    """Return two or three phases that grew through each other, each of a grey and a grain."""
    share, soft, third, grain = digits(look, 4)
    noise_YX = band(shape, random, period_px=1.5 * period_px, width=0.35)
    width = 0.08 + 0.4 * soft
    first_YX = step(noise_YX - np.float32(1.2 * share - 0.6), width_px=width)
    field_YX = first_YX
    if third > 0.5:
        field_YX = field_YX + step(noise_YX - np.float32(1.2 * share + 0.4), width_px=width)
    speckle_YX = band(shape, random, period_px=max(2.6, 0.2 * period_px), width=0.4)
    return unit(field_YX + np.float32(0.35 * grain) * speckle_YX * first_YX)


def lamellae(
    shape: Shape,
    random: np.random.Generator,
    *,
    period_px: float,
    look: float,
    turn_YX: Turn,
) -> Float32:
    """Return sheets of two phases seen on edge, wandering; sharp or soft, thin or thick."""
    sharp, duty, wander = digits(look, 3)
    by_px = (0.05 + 0.3 * wander) * period_px
    y_YX, x_YX = displaced(shape, random, by_px=by_px, length_px=2.0 * period_px)
    across_YX = np.cos(turn_YX) * x_YX + np.sin(turn_YX) * y_YX
    wave_YX = np.cos(np.float32(2.0 * np.pi / period_px) * across_YX)
    return unit(np.tanh(np.float32(0.7 + 5.0 * sharp) * (wave_YX - np.float32(1.2 * duty - 0.6))))


def pores(shape: Shape, random: np.random.Generator, *, period_px: float, look: float) -> Float32:
    """Return a smooth ground with dark pores of two sizes, with cracks, or with both."""
    density, cracked, grain = digits(look, 3)
    dark_YX = np.zeros(shape, np.float32)
    if cracked < 0.75:
        level = np.float32(1.9 - 0.9 * density)
        for period in (0.8 * period_px, 2.0 * period_px):
            noise_YX = band(shape, random, period_px=max(3.2, period), width=0.4)
            dark_YX = np.maximum(dark_YX, step(noise_YX - level, width_px=0.12))
    if cracked > 0.5:
        dark_YX = np.maximum(dark_YX, _cracks(shape, random, period_px=period_px))
    ground_YX = band(shape, random, period_px=4.0, width=0.5)
    return unit(np.float32(0.04 * grain) * ground_YX - dark_YX)


def _cracks(shape: Shape, random: np.random.Generator, *, period_px: float) -> Float32:
    """Return 1 along thin lines that end: where a field is level and another one high."""
    field_YX = band(shape, random, period_px=3.0 * period_px, width=0.3)
    slope_YX = np.maximum(np.hypot(*np.gradient(field_YX)), 1e-3)
    away_px = np.abs(field_YX) / slope_YX
    where_YX = step(smooth(shape, random, length_px=period_px) - 0.1, width_px=0.2)
    return np.asarray(np.exp(-((away_px / max(1.0, 0.05 * period_px)) ** 2)) * where_YX, np.float32)


def plain(shape: Shape, random: np.random.Generator, *, period_px: float, look: float) -> Float32:
    """Return slow shading over several periods, which a chip hardly shows."""
    return smooth(shape, random, length_px=(1.0 + 2.0 * look) * period_px)
