"""The contrast window of a raw frame, found exactly on the device: `reference.contrast_window`.

A radix selection: pixels become integers in the same order, of which each launch counts one byte,
the highest first, among the pixels that share all higher bytes with the percentile sought. Both
percentiles are sought at once. A launch reads the counts of those before it and works out for
itself where the percentiles are, so nothing returns to the host. Sums are of integers, so their
order does not matter. Proven in Triton's interpreter and compiled (see `resources.json`).

Shape suffixes: Y, X frame pixels; B bytes of a pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import torch
import triton
import triton.language as tl

from scopeside_kernels.launch import launch_config
from scopeside_kernels.reference import ContrastWindow


@dataclass(frozen=True, slots=True, kw_only=True)
class ContrastTensors:
    """A frame's contrast on the device, and the room in which it is found.

    `window_2` is `[low, high]` (float64), `counts_2` the pixels that are not finite and those that
    are saturated (int64).
    """

    window_2: torch.Tensor
    counts_2: torch.Tensor
    bins_B2256: torch.Tensor

    def read(self, pixels: int) -> ContrastWindow:
        """The same on the host, for a frame of that many pixels; waits for the device."""
        low, high = self.window_2.tolist()
        nonfinite_px, saturated_px = self.counts_2.tolist()
        return ContrastWindow(
            low=low,
            high=high,
            nonfinite_px=nonfinite_px,
            saturated_fraction=saturated_px / max(pixels, 1),
            flat=low == high,
        )


def contrast_tensors(dtype: torch.dtype, *, device: torch.device | str) -> ContrastTensors:
    """Make room for frames of that dtype."""
    return ContrastTensors(
        window_2=torch.zeros(2, dtype=torch.float64, device=device),
        counts_2=torch.zeros(2, dtype=torch.int64, device=device),
        bins_B2256=torch.zeros((dtype.itemsize, 2, 256), dtype=torch.int32, device=device),
    )


@triton.jit
def _ordered(pixels):
    """Signed integers in the order of the pixels; an involution on the bits of floats."""
    BITS: tl.constexpr = pixels.dtype.primitive_bitwidth
    if pixels.dtype.is_floating():
        if BITS == 64:
            bits = pixels.to(tl.int64, bitcast=True)
            ordered = bits ^ ((bits >> 63) & 0x7FFFFFFFFFFFFFFF)
        elif BITS == 32:
            bits = pixels.to(tl.int32, bitcast=True)
            ordered = bits ^ ((bits >> 31) & 0x7FFFFFFF)
        else:
            bits = pixels.to(tl.int16, bitcast=True).to(tl.int32)
            ordered = bits ^ ((bits >> 31) & 0x7FFF)
    elif pixels.dtype == tl.uint32:
        ordered = pixels.to(tl.int32, bitcast=True) ^ -(2**31)
    else:
        ordered = pixels.to(tl.int32)
    return ordered


@triton.jit
def _value(ordered, PIXEL: tl.constexpr):
    """The pixel that `_ordered` made this of, as float64."""
    if tl.float64 == PIXEL:
        value = (ordered ^ ((ordered >> 63) & 0x7FFFFFFFFFFFFFFF)).to(tl.float64, bitcast=True)
    elif tl.float32 == PIXEL:
        bits = ordered.to(tl.int32)
        value = (bits ^ ((bits >> 31) & 0x7FFFFFFF)).to(tl.float32, bitcast=True).to(tl.float64)
    elif tl.float16 == PIXEL:
        bits = ordered.to(tl.int32)
        bits = (bits ^ ((bits >> 31) & 0x7FFF)).to(tl.int16)
        value = bits.to(tl.float16, bitcast=True).to(tl.float64)
    elif tl.uint32 == PIXEL:
        value = (ordered + 2**31).to(tl.float64)
    else:
        value = ordered.to(tl.float64)
    return value


@triton.jit
def _find(
    bins_ptr, numerator, denominator, WHICH: tl.constexpr, BYTES: tl.constexpr, SIGNED: tl.constexpr
):
    """The highest `BYTES` bytes of the pixel at a percentile, from the counts made so far (int64).

    The pixel of rank `max(1, ceil(p n))` is in the first bin up to which there are at least `p n`
    pixels, and at least one; compared in units of the denominator, so nothing is divided.
    """
    pixels = tl.sum(tl.load(bins_ptr + tl.arange(0, 256)).to(tl.int64))
    sought = tl.maximum(pixels * numerator, 1)
    found = tl.zeros([], tl.int64)
    for byte in tl.static_range(BYTES):
        row = byte * 2 + (WHICH if byte > 0 else 0)  # of the first byte there is one count
        counts = tl.load(bins_ptr + row * 256 + tl.arange(0, 256)).to(tl.int64)
        up_to = tl.cumsum(counts) * denominator
        before = up_to < sought
        found = found * 256 + tl.sum(before.to(tl.int64))
        sought -= tl.max(tl.where(before, up_to, 0))
        if SIGNED and byte == 0:
            found -= 128
    return found


@triton.jit
def _count_bytes(
    frame_ptr,
    bins_ptr,
    counts_ptr,
    ny,
    nx,
    numerator_low,
    denominator_low,
    numerator_high,
    denominator_high,
    stride_y,
    stride_x,
    CEILING: tl.constexpr,
    BYTE: tl.constexpr,
    SIGNED: tl.constexpr,
    BLOCK_Y: tl.constexpr,
    BLOCK_X: tl.constexpr,
):
    PIXEL: tl.constexpr = frame_ptr.dtype.element_ty
    SHIFT: tl.constexpr = PIXEL.primitive_bitwidth - 8 - 8 * BYTE
    SIZE: tl.constexpr = BLOCK_Y * BLOCK_X
    low = tl.zeros([], tl.int64)
    high = tl.zeros([], tl.int64)
    if BYTE > 0:
        low = _find(bins_ptr, numerator_low, denominator_low, 0, BYTE, SIGNED)
        high = _find(bins_ptr, numerator_high, denominator_high, 1, BYTE, SIGNED)
    bins_low = tl.zeros([256], tl.int32)
    bins_high = tl.zeros([256], tl.int32)
    nonfinite_px = tl.zeros([], tl.int64)
    saturated_px = tl.zeros([], tl.int64)
    tiles_x = tl.cdiv(nx, BLOCK_X)
    tiles = tl.cdiv(ny, BLOCK_Y) * tiles_x
    for tile in range(tl.program_id(0), tiles, tl.num_programs(0)):
        y = (tile // tiles_x * BLOCK_Y + tl.arange(0, BLOCK_Y)).to(tl.int64)[:, None]
        x = (tile % tiles_x * BLOCK_X + tl.arange(0, BLOCK_X)).to(tl.int64)[None, :]
        inside = (y < ny) & (x < nx)
        pixel = tl.load(frame_ptr + y * stride_y + x * stride_x, inside, other=0)
        counted = inside
        if PIXEL.is_floating():
            counted = inside & (tl.abs(pixel.to(tl.float64)) < float("inf"))
        ordered = _ordered(pixel)
        if BYTE == 0:
            digit = (ordered >> SHIFT) + (128 if SIGNED else 0)
            digit = tl.reshape(digit.to(tl.int32), [SIZE])
            bins_low += tl.histogram(digit, 256, mask=tl.reshape(counted, [SIZE]))
            nonfinite_px += tl.sum((inside & (counted == 0)).to(tl.int32))
            if not PIXEL.is_floating():
                saturated_px += tl.sum((inside & (ordered == CEILING)).to(tl.int32))
        else:
            digit = tl.reshape(((ordered >> SHIFT) & 255).to(tl.int32), [SIZE])
            higher = (ordered >> (SHIFT + 8)).to(tl.int64)
            alike = tl.reshape(counted & (higher == low), [SIZE])
            bins_low += tl.histogram(digit, 256, mask=alike)
            alike = tl.reshape(counted & (higher == high), [SIZE])
            bins_high += tl.histogram(digit, 256, mask=alike)
    bins = bins_ptr + BYTE * 512 + tl.arange(0, 256)
    tl.atomic_add(bins, bins_low, bins_low > 0, sem="relaxed")
    if BYTE == 0:
        tl.atomic_add(counts_ptr, nonfinite_px, nonfinite_px > 0, sem="relaxed")
        tl.atomic_add(counts_ptr + 1, saturated_px, saturated_px > 0, sem="relaxed")
    else:
        tl.atomic_add(bins + 256, bins_high, bins_high > 0, sem="relaxed")


@triton.jit
def _window(
    bins_ptr,
    window_ptr,
    pixel_ptr,
    numerator_low,
    denominator_low,
    numerator_high,
    denominator_high,
    SIGNED: tl.constexpr,
):
    PIXEL: tl.constexpr = pixel_ptr.dtype.element_ty
    BYTES: tl.constexpr = PIXEL.primitive_bitwidth // 8
    pixels = tl.sum(tl.load(bins_ptr + tl.arange(0, 256)).to(tl.int64))
    low = _value(_find(bins_ptr, numerator_low, denominator_low, 0, BYTES, SIGNED), PIXEL)
    high = _value(_find(bins_ptr, numerator_high, denominator_high, 1, BYTES, SIGNED), PIXEL)
    tl.store(window_ptr, tl.where(pixels > 0, low, 0.0))
    tl.store(window_ptr + 1, tl.where(pixels > 0, high, 0.0))


def contrast_window(
    frame_YX: torch.Tensor,
    low_percentile: float,
    high_percentile: float,
    *,
    out: ContrastTensors | None = None,
) -> ContrastTensors:
    """Find two percentiles of the finite pixels, by the reference's definition, on the device.

    Frames of any dtype of the wire in this machine's byte order, with any strides. Raises
    ValueError for a percentile of so many decimals that its rank cannot be had in 64 bits, a frame
    of 2**31 pixels or more, or room made for pixels of another size.
    """
    ny, nx = frame_YX.shape
    if out is None:
        out = contrast_tensors(frame_YX.dtype, device=frame_YX.device)
    if len(out.bins_B2256) != frame_YX.dtype.itemsize:
        raise ValueError(f"This room is not for {frame_YX.dtype}: see contrast_tensors.")
    out.counts_2.zero_()
    out.bins_B2256.zero_()
    ranks = (*_share(low_percentile, ny * nx), *_share(high_percentile, ny * nx))
    floating = frame_YX.dtype.is_floating_point
    signed = floating or frame_YX.dtype.is_signed or frame_YX.dtype == torch.uint32
    config = launch_config("contrast", frame_YX.device)
    blocks = config.blocks
    tiles = triton.cdiv(ny, blocks["BLOCK_Y"]) * triton.cdiv(nx, blocks["BLOCK_X"])
    for byte in range(frame_YX.dtype.itemsize if tiles else 0):
        _count_bytes[(min(tiles, blocks["PROGRAMS"]),)](
            frame_YX,
            out.bins_B2256,
            out.counts_2,
            ny,
            nx,
            *ranks,
            *frame_YX.stride(),
            CEILING=_ceiling(frame_YX.dtype),
            BYTE=byte,
            SIGNED=signed,
            BLOCK_Y=blocks["BLOCK_Y"],
            BLOCK_X=blocks["BLOCK_X"],
            **config.options,
        )
    _window[(1,)](out.bins_B2256, out.window_2, frame_YX, *ranks, SIGNED=signed, num_warps=4)
    return out


def _share(percentile: float, pixels: int) -> tuple[int, int]:
    """A percentile as numerator and denominator; exact on the decimal as it was written."""
    share = Fraction(str(percentile)) / 100
    if pixels >= 2**31 or max(share.numerator, share.denominator) * pixels >= 2**63:
        raise ValueError(
            f"Percentile {percentile} of {pixels} pixels: give it fewer decimals, or cut the frame."
        )
    return share.numerator, share.denominator


def _ceiling(dtype: torch.dtype) -> int:
    """An integer dtype's largest value, as `_ordered` has it; 0 for floats, which have none."""
    if dtype.is_floating_point:
        return 0
    return 2**31 - 1 if dtype == torch.uint32 else int(torch.iinfo(dtype).max)
