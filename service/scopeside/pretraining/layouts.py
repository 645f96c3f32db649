"""Where the materials of a simulated specimen lie: interfaces, layers, particles, grains.

Shapes: Y, X pixels; labels count from 0.
"""

from __future__ import annotations

import numpy as np

from scopeside.messages import Int64
from scopeside.pretraining.fields import Shape, grains, smooth


def any_layout(shape: Shape, random: np.random.Generator, *, materials: int) -> Int64:
    """Return the material, 0 to `materials - 1`, of every pixel, in one of the layouts."""
    draw = (interface, layers, blobs, particles, polycrystal)
    chosen = draw[int(random.choice(len(draw), p=(0.3, 0.2, 0.25, 0.12, 0.13)))]
    layout_YX = chosen(shape, random, materials=materials)
    if random.random() < 0.1:
        layout_YX = np.where(crack(shape, random), int(random.integers(materials)), layout_YX)
    return layout_YX


def interface(shape: Shape, random: np.random.Generator, *, materials: int) -> Int64:
    """Return fronts that cross the field, more or less rough, one between two materials."""
    across_YX = _across(shape, random, roughness=float(random.uniform(0.0, 0.12)))
    return _cut(across_YX, random, parts=materials, order=np.arange(materials))


def layers(shape: Shape, random: np.random.Generator, *, materials: int) -> Int64:
    """Return bands, more of them than materials, so that materials come again."""
    parts = int(random.integers(materials + 1, materials + 3))
    across_YX = _across(shape, random, roughness=float(random.uniform(0.0, 0.05)))
    order = (np.arange(parts) + int(random.integers(materials))) % materials
    return _cut(across_YX, random, parts=parts, order=order)


def blobs(shape: Shape, random: np.random.Generator, *, materials: int) -> Int64:
    """Return islands of any shape, as of a phase that separated."""
    field_YX = smooth(shape, random, length_px=float(random.uniform(0.08, 0.2)) * max(shape))
    return _cut(field_YX, random, parts=materials, order=random.permutation(materials))


def particles(shape: Shape, random: np.random.Generator, *, materials: int) -> Int64:
    """Return ellipses of the further materials, or pores, in a matrix of the first."""
    y_YX, x_YX = (axis.astype(np.float32) for axis in np.indices(shape))
    layout_YX = np.zeros(shape, np.int64)
    for number in range(int(random.integers(2, 7))):
        y0, x0 = random.uniform((0.0, 0.0), shape)
        radius_px = float(random.uniform(0.12, 0.3)) * max(shape)
        angle, flat = random.uniform(0.0, np.pi), random.uniform(0.6, 1.0)
        u_YX = np.cos(angle) * (x_YX - x0) + np.sin(angle) * (y_YX - y0)
        v_YX = np.cos(angle) * (y_YX - y0) - np.sin(angle) * (x_YX - x0)
        inside_YX = u_YX**2 + (v_YX / flat) ** 2 < radius_px**2
        layout_YX[inside_YX] = 1 + number % (materials - 1)
    return layout_YX


def polycrystal(shape: Shape, random: np.random.Generator, *, materials: int) -> Int64:
    """Return grains with a material each, in turn."""
    cells = int(random.integers(materials, materials + 5))
    return grains(shape, random, count=cells) % materials


def crack(shape: Shape, random: np.random.Generator) -> np.ndarray:
    """Return True along a thin line through the field."""
    across_YX = _across(shape, random, roughness=0.08)
    middle = random.uniform(0.3, 0.7)
    half = random.uniform(2.0, 7.0) / max(shape)
    line_YX: np.ndarray = np.abs(across_YX - middle) < half
    return line_YX


def _across(shape: Shape, random: np.random.Generator, *, roughness: float) -> np.ndarray:
    """Return how far across the field each pixel lies, 0 to 1, along a random direction."""
    y_YX, x_YX = np.indices(shape)
    angle = random.uniform(0.0, 2.0 * np.pi)
    across_YX = np.cos(angle) * x_YX + np.sin(angle) * y_YX
    across_YX = (across_YX - across_YX.min()) / np.ptp(across_YX)
    rough_YX: np.ndarray = across_YX + roughness * smooth(
        shape, random, length_px=float(random.uniform(0.04, 0.2)) * max(shape)
    )
    return rough_YX


def _cut(
    field_YX: np.ndarray, random: np.random.Generator, *, parts: int, order: np.ndarray
) -> Int64:
    """Cut the range of `field_YX` into parts, none of them under a third of its fair share."""
    shares = random.uniform(0.5, 1.5, parts)
    shares = np.maximum(shares / shares.sum(), 0.5 / parts)
    cuts = np.quantile(field_YX, np.clip(np.cumsum(shares)[:-1], 0.0, 1.0))
    return np.asarray(order, np.int64)[np.searchsorted(cuts, field_YX)]
