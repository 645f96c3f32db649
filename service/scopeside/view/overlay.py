"""A frame with its communities laid over it in their colours.

Shapes: Y, X frame pixels; a trailing 3 is red, green, blue.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scopeside.errors import OutputError
from scopeside.messages import Array, UInt8
from scopeside_kernels import reference

Color = tuple[int, int, int]
Rgb = NDArray[np.uint8]

UNKNOWN: Color = (255, 0, 255)
"""Colour of an id that has none: meant to be noticed."""


def grey(image_YX: Array, *, low_percentile: float = 0.5, high_percentile: float = 99.5) -> UInt8:
    """Return the frame as 8-bit grey, its percentile window stretched from black to white."""
    window = reference.contrast_window(image_YX, low_percentile, high_percentile)
    values_YX = reference.normalise(image_YX, window.low, window.high)
    return np.asarray(255.0 * values_YX + 0.5).astype(np.uint8)


def overlay(
    grey_YX: UInt8,
    labels_YX: Array,
    colors: Mapping[int, Color],
    *,
    opacity: float = 0.4,
    outline_px: int = 1,
) -> Rgb:
    """Return `(Y, X, 3)`: the frame in grey, tinted by community, boundaries in full colour.

    `opacity` 0 shows the frame alone, 1 the colours alone; pixels of label 0 stay grey. The
    outline lies on both sides of a boundary, `outline_px` on each.
    """
    grey_YX3 = np.repeat(grey_YX[:, :, None], 3, axis=2).astype(np.float32)
    tint_YX3 = _colours(labels_YX, colors)
    share_YX = np.where(labels_YX > 0, np.float32(opacity), np.float32(0))
    if outline_px > 0:
        share_YX[boundaries(labels_YX, outline_px) & (labels_YX > 0)] = 1.0
    mixed_YX3 = grey_YX3 + share_YX[:, :, None] * (tint_YX3 - grey_YX3)
    return np.asarray(mixed_YX3 + 0.5).astype(np.uint8)


def boundaries(labels_YX: Array, width_px: int = 1) -> NDArray[np.bool_]:
    """Return the pixels within `width_px` of another label, on both sides of each boundary."""
    edge_YX = np.zeros(labels_YX.shape, dtype=bool)
    for step in range(1, width_px + 1):
        down = labels_YX[step:] != labels_YX[:-step]
        edge_YX[step:] |= down
        edge_YX[:-step] |= down
        across = labels_YX[:, step:] != labels_YX[:, :-step]
        edge_YX[:, step:] |= across
        edge_YX[:, :-step] |= across
    return edge_YX


def with_front(rgb_YX3: Rgb, front_px_Y: NDArray[np.floating], *, width_px: int = 2) -> Rgb:
    """Return the picture with a white line along the front, one column for each row."""
    columns = np.arange(rgb_YX3.shape[1])
    drawn_YX3 = rgb_YX3.copy()
    drawn_YX3[np.abs(columns - front_px_Y[:, None]) <= 0.5 * width_px] = 255
    return drawn_YX3


def save_png(path: Path, rgb_YX3: Rgb) -> None:
    """Write a picture; OutputError where it cannot be."""
    from PIL import Image

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rgb_YX3).save(path)
    except OSError as error:
        raise OutputError(f"The picture {path} cannot be written: {error}.") from error


def _colours(labels_YX: Array, colors: Mapping[int, Color]) -> NDArray[np.float32]:
    table = np.full((int(labels_YX.max(initial=0)) + 1, 3), UNKNOWN, dtype=np.float32)
    for id_, color in colors.items():
        if id_ < len(table):
            table[id_] = color
    return np.asarray(table[labels_YX])
