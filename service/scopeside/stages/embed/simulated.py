"""Simulated images, normalised as the service does it, to calibrate and to check encoders on.

Shapes: Y, X pixels of an image; N chips of H x W pixels.
"""

from __future__ import annotations

import numpy as np

from scopeside.messages import Array, ChipGrid, Float32
from scopeside.testing.specimen import IrradiatedFilm
from scopeside_kernels import reference

LOW_PERCENTILE, HIGH_PERCENTILE = 0.5, 99.5


def normalised(values_YX: Array) -> Float32:
    """Return `values_YX` between its 0.5 and 99.5 percentiles, as float32 in [0, 1]."""
    window = reference.contrast_window(values_YX, LOW_PERCENTILE, HIGH_PERCENTILE)
    return reference.normalise(values_YX, window.low, window.high)


def film_image(shape: tuple[int, int], *, seed: int, progress: float = 0.5) -> Float32:
    """Return a normalised frame of the irradiated film, `progress` (0 to 1) of it amorphous."""
    film = IrradiatedFilm(shape=shape, seed=seed)
    return normalised(film.expose(progress * film.dose_full_e_per_m2, number=0).counts_YX)


def film_chips(count: int, side_px: int, *, seed: int = 0) -> Float32:
    """Return `(count, side_px, side_px)` chips that do not overlap, of both phases."""
    per_axis = int(np.ceil(np.sqrt(count)))
    image_YX = film_image((per_axis * side_px, per_axis * side_px), seed=seed)
    grid = ChipGrid(shape=image_YX.shape, chip_px=side_px, stride_px=side_px)
    chips_NHW = reference.chips(image_YX, grid.y0_R, grid.x0_C, side_px, side_px)
    return chips_NHW[:count]
