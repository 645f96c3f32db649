"""Pixels of chosen chips, corrected as the detector needs it, in units of the contrast window.

Taken from the frame as it arrived and not from the image that the encoder sees: CLAHE and the
contrast of single frames would change what is measured. On a GPU that image is elsewhere, too.

Shape suffixes: Y, X frame pixels; M chosen chips; H, W pixels of a chip.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scopeside.messages import Array, Contrast, Float32, Frame
from scopeside.stages.descriptors.sample import Sample

OUTSIDE = 1.0
"""How far beyond the contrast window, in its own width, a value counts as it is: farther out are
hot pixels and cosmic rays, one of which would outweigh the texture of a chip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """The dark frame and the gain of `preprocess`, None where it has none."""

    dark_YX: Float32 | None = None
    gain_YX: Float32 | None = None


def cut_pixels(frame: Frame, contrast: Contrast, sample: Sample, detector: Detector) -> Float32:
    """Return `(M, H, W)`: 0 is the window's lower end, 1 its upper; finite everywhere.

    The window must be open (`contrast.high > contrast.low`).
    """
    raw_MHW = sample.cut(frame.image_YX)
    narrow = raw_MHW.dtype.itemsize <= 2 or raw_MHW.dtype.newbyteorder("=") == np.float32
    # What float32 cannot tell apart is brought near zero first.
    values_MHW: Array = raw_MHW.astype(np.float32 if narrow else np.float64)
    low, high = contrast.low, contrast.high
    with np.errstate(over="ignore", invalid="ignore"):
        if detector.dark_YX is not None:
            values_MHW -= sample.cut(detector.dark_YX)
        if detector.gain_YX is not None:
            values_MHW *= sample.cut(detector.gain_YX)
        values_MHW -= values_MHW.dtype.type(low)
        values_MHW *= values_MHW.dtype.type(1.0 / (high - low))
    np.nan_to_num(values_MHW, copy=False, nan=0.5)
    np.clip(values_MHW, -OUTSIDE, 1.0 + OUTSIDE, out=values_MHW)
    return values_MHW.astype(np.float32, copy=False)
