"""Textures with outlines: cells behind membranes, vesicles, precipitates of many sizes.

What tissue and foams show, and dispersions of particles. `look` in [0, 1] chooses among the ways
such a texture can appear; the generator only where its parts lie. Shapes: Y, X pixels; S sites.
"""

from __future__ import annotations

import numpy as np

from scopeside.messages import Float32
from scopeside.pretraining.fields import Shape, band, digits, sites, step, unit

CHIP_FILLS_PX = 24.0
"""Cells above this size are filled alike: several of them must fit a chip, or one cell's grey
would be a material of its own."""


def cells(shape: Shape, random: np.random.Generator, *, period_px: float, look: float) -> Float32:
    """Return cells of about `period_px` behind walls, their fills of several greys and grained."""
    wall, fill, grain, dark = digits(look, 4)
    around = sites(shape, random, spacing_px=period_px, bend_px=0.12 * period_px)
    wall_px = max(1.2, period_px * (0.05 + 0.13 * wall))
    edge_YX = np.exp(-(((around.second_YX - around.distance_YX) / np.float32(wall_px)) ** 2))
    grey_S = random.standard_normal(around.count).astype(np.float32)
    field_YX = np.float32(-1.0 if dark < 0.7 else 1.0) * edge_YX
    spread = 0.3 * fill * min(1.0, (CHIP_FILLS_PX / period_px) ** 2)
    field_YX += np.float32(spread) * grey_S[around.nearest_YX]
    inner_px = max(2.6, 0.22 * period_px)
    content_YX = band(shape, random, period_px=inner_px, width=0.4)
    field_YX += np.float32(0.25 * grain) * content_YX * (1.0 - edge_YX)
    return unit(field_YX)


def vesicles(
    shape: Shape, random: np.random.Generator, *, period_px: float, look: float
) -> Float32:
    """Return round outlines of many sizes, empty or filled, on an even ground."""
    size, fill, rim, dark = digits(look, 4)
    signed_px = _outside(shape, random, period_px=period_px, size=0.25 + 0.2 * size, spread=0.35)
    rim_px = max(1.0, period_px * (0.05 + 0.06 * rim))
    rim_YX = np.exp(-((signed_px / np.float32(rim_px)) ** 2))
    inside_YX = step(-signed_px, width_px=0.7 * rim_px)
    sign = np.float32(-1.0 if dark < 0.75 else 1.0)
    return unit(sign * rim_YX + np.float32(1.4 * fill - 0.7) * inside_YX)


def spots(shape: Shape, random: np.random.Generator, *, period_px: float, look: float) -> Float32:
    """Return precipitates about `period_px` apart, of sizes that differ manyfold, sharp or soft.

    Finer ones may lie between them.
    """
    size, soft, finer, bright = digits(look, 4)
    sign = np.float32(1.0 if bright < 0.5 else -1.0)
    edge_px = 0.6 + 0.12 * soft * period_px
    large_px = _outside(shape, random, period_px=period_px, size=0.2 + 0.25 * size, spread=0.6)
    field_YX = step(-large_px, width_px=edge_px)
    if finer > 0.5:
        fine = max(3.2, 0.35 * period_px)
        small_px = _outside(shape, random, period_px=fine, size=0.25, spread=0.4)
        field_YX = np.maximum(field_YX, np.float32(0.7) * step(-small_px, width_px=0.6))
    return unit(sign * field_YX)


def _outside(
    shape: Shape, random: np.random.Generator, *, period_px: float, size: float, spread: float
) -> Float32:
    """Return how far outside of the nearest disc each pixel lies, below 0 inside.

    Radii are log-normal about `size * period_px` with a deviation of `spread`.
    """
    around = sites(shape, random, spacing_px=period_px, bend_px=0.1 * period_px)
    radius_S = size * period_px * np.exp(spread * random.standard_normal(around.count))
    return np.asarray(around.distance_YX - radius_S[around.nearest_YX], np.float32)
