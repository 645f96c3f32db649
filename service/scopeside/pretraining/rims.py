"""What lies along the rim of a region: shading towards its middle, and outlines of borders.

Shapes: Y, X pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from scopeside.messages import Float32, Int64


def shaded(inside_YX: NDArray[np.bool_], random: np.random.Generator, *, by: float) -> Float32:
    """Return the factor, about 1, of a region that is brighter or darker towards its middle.

    It runs from -`by` at the rim to `by` as deep as between a sixth of the field and a
    half, as a round particle's thickness does, or in a third of all from one side to the other.
    """
    side_px = max(inside_YX.shape)
    sign = random.choice((-1.0, 1.0))
    if random.random() < 1.0 / 3.0:
        y_YX, x_YX = np.indices(inside_YX.shape)
        angle = random.uniform(0.0, 2.0 * np.pi)
        across_YX = (np.cos(angle) * x_YX + np.sin(angle) * y_YX) / side_px
        course_YX = across_YX - across_YX.mean()
    else:
        depth_px = side_px * random.uniform(1.0 / 6.0, 0.5)
        deep_YX = np.minimum(ndimage.distance_transform_edt(inside_YX) / depth_px, 1.0)
        course_YX = 2.0 * np.sqrt(deep_YX * (2.0 - deep_YX)) - 1.0
    return np.asarray(1.0 + sign * by * course_YX, np.float32)


def outlined(bright_YX: Float32, layout_YX: Int64, random: np.random.Generator) -> Float32:
    """Return the specimen with a dark or bright line of 1 to 4 pixels along all borders.

    An outline belongs to no material, as in a micrograph.
    """
    border_YX = np.zeros(layout_YX.shape, bool)
    border_YX[1:] |= layout_YX[1:] != layout_YX[:-1]
    border_YX[:, 1:] |= layout_YX[:, 1:] != layout_YX[:, :-1]
    if not border_YX.any():
        return bright_YX
    away_YX = ndimage.distance_transform_edt(~border_YX)
    line_YX = np.exp(-0.5 * (away_YX / random.uniform(0.8, 3.0)) ** 2)
    mean = float(bright_YX.mean())
    to = mean * (random.uniform(0.1, 0.6) if random.random() < 0.6 else random.uniform(1.3, 2.2))
    part_YX = np.float32(random.uniform(0.4, 1.0)) * line_YX
    return np.asarray(bright_YX * (1.0 - part_YX) + to * part_YX, np.float32)
