"""What the grey values of a community's chips say: how many they are, and how far apart.

Shape suffixes: M chosen chips; H, W pixels of a chip; K communities; L grey levels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scopeside.messages import Contrast, Float32
from scopeside.stages.descriptors.sample import Sample

Float64 = NDArray[np.float64]

LEVELS = 256
"""Grey levels between the ends of the contrast window, the 8 bits in which such entropies are
usually given."""


def entropy_bits(chips_MHW: Float32, sample: Sample) -> Float64:
    """Return Shannon's entropy of each community's grey values, `(K,)`.

    H = -sum p log2 p over `LEVELS` levels between black and white of the contrast window, in which
    `chips_MHW` is; what is darker or brighter counts to the outermost ones (Shannon, Bell Syst.
    Tech. J. 27, 379, 1948; as a measure of texture: Gonzalez & Woods, Digital Image Processing,
    section 11.3). Every other row is counted: neighbours repeat each other.
    """
    level_MHW = np.clip(chips_MHW[:, ::2] * LEVELS, 0, LEVELS - 1).astype(np.int32)
    level_MHW += (LEVELS * sample.owner_M.astype(np.int32))[:, None, None]
    counts_KL = np.bincount(level_MHW.ravel(), minlength=sample.communities * LEVELS).reshape(
        sample.communities, LEVELS
    )
    share_KL = counts_KL / counts_KL.sum(axis=1, keepdims=True)
    bits_KL = np.log2(share_KL, out=np.zeros_like(share_KL), where=share_KL > 0)
    entropy_K: Float64 = -(share_KL * bits_KL).sum(axis=1)
    return entropy_K + 0.0  # a constant grey is 0 and not -0


def rms_contrast(chips_MHW: Float32, sample: Sample, contrast: Contrast) -> Float64:
    """Return the root mean square contrast of each community, `(K,)`.

    C = sqrt(<sigma^2>) / <I>: the variance within chips, averaged over them, so that a wedge of
    thickness counts little, over the mean intensity in the frame's own units (Peli, J. Opt. Soc.
    Am. A 7, 2032, 1990; its square is the normalised variance of fluctuation microscopy, Treacy &
    Gibson, Acta Cryst. A 52, 212, 1996). NaN where the mean is not above 0: an offset of the
    detector must be subtracted (`preprocess.dark`) before the ratio means anything.
    """
    span = contrast.high - contrast.low
    chips_K = np.bincount(sample.owner_M, minlength=sample.communities)
    mean_M = chips_MHW.mean(axis=(1, 2), dtype=np.float64)
    # The window spans about 1, so float32 squares lose nothing that matters against it.
    square_M = np.einsum("mhw,mhw->m", chips_MHW, chips_MHW) / chips_MHW[0].size
    variance_M = np.maximum(square_M - np.square(mean_M), 0.0)
    # A frame of the largest doubles has a mean and a span beyond them: no ratio either.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        variance_K = sample.sums(variance_M) / chips_K
        mean_K = contrast.low + span * sample.sums(mean_M) / chips_K
        contrast_K: Float64 = np.where(mean_K > 0, span * np.sqrt(variance_K) / mean_K, np.nan)
    return np.where(np.isfinite(contrast_K), contrast_K, np.nan)
