"""What kernels share that read raw pixels: the arithmetic of `reference.normalise`.

A window is two float64 values on the device, so that nothing waits for the host between finding
it and using it. What the reference decides in Python by looking at the window (float32 or
float64) is decided here by the same rules, once a program.
"""

from __future__ import annotations

import triton
import triton.language as tl

_MODERATE = tl.constexpr(1e30)
"""As in the reference: below it, neither a value nor a span overflows float32."""


@triton.jit
def is_open(low, high):
    """Whether there is anything between black and white; not so where either is NaN."""
    return high > low


@triton.jit
def single_precision(low, high, PIXEL: tl.constexpr):
    """Whether float32 tells apart what the reference has it tell apart, for pixels of a dtype."""
    NARROW: tl.constexpr = PIXEL.primitive_bitwidth <= 16 or tl.float32 == PIXEL
    moderate = tl.maximum(tl.abs(low), tl.abs(high)) < _MODERATE
    bounded_low = tl.minimum(tl.maximum(low, -_MODERATE), _MODERATE).to(tl.float32)
    bounded_high = tl.minimum(tl.maximum(high, -_MODERATE), _MODERATE).to(tl.float32)
    return moderate & (bounded_low < bounded_high) if NARROW else tl.full([], 0, tl.int1)


@triton.jit
def halving(low, high):
    """1, or a half where the span of two doubles is itself beyond a double (from 2**1023 up)."""
    return tl.where(high * 0.5 - low * 0.5 < 2.0**1023, 1.0, 0.5).to(tl.float64)


@triton.jit
def above_black(pixels, low, high, factor):
    """How far pixels are above the window's low end, clipped to the window, times `factor`.

    In the dtype of `low`; pixels that are not finite are black.
    """
    value = pixels.to(low.dtype)
    if pixels.dtype.is_floating():
        value = tl.where(tl.abs(value) < float("inf"), value, low)
    return tl.minimum(tl.maximum(value, low), high) * factor - low * factor
