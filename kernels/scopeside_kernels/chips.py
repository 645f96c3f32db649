"""Raw frame to the embedder's input in one pass: normalised, cut, resized and laid out.

Every pixel of every chip is made from the raw pixels it needs, which neighbouring programs find in
the cache; neither an image nor chips of the original size are ever stored. Chips that keep their
size have the bits of `reference.normalise` and `reference.chips`; resized ones differ by rounding
alone (the sums have another order, and the division by the window's span comes last, once).
Proven in Triton's interpreter and compiled (see `resources.json`).

Shape suffixes: Y, X frame pixels; N chips, row-major; C channels; H, W pixels of a resized chip.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from scopeside_kernels.chip_tables import ChipTables
from scopeside_kernels.launch import launch_config
from scopeside_kernels.pixels import above_black, halving, is_open, single_precision


@triton.jit
def _reflected(index, length):
    """Where an index from 0 up looks: 0 1 ... n-1 | n-1 ... 1 0 | 0 1 ..."""
    index = index % (2 * length)
    return tl.minimum(index, 2 * length - 1 - index).to(tl.int64)


@triton.jit
def _resample(
    frame_ptr,
    first_ptr,
    weights_ptr,
    y0,
    x0,
    h,
    w,
    ny,
    nx,
    size_px,
    taps,
    stride_frame_y,
    stride_frame_x,
    low,
    high,
    factor,
):
    """Weighted sum of the pixels above black, in the dtype of the window."""
    y = y0 + tl.load(first_ptr + h, h < size_px, other=0)
    x = x0 + tl.load(first_ptr + w, w < size_px, other=0)
    inside = (h < size_px)[:, None] & (w < size_px)[None, :]
    total = tl.zeros([h.shape[0], w.shape[0]], low.dtype)
    for tap_y in range(taps):
        rows_at = frame_ptr + (_reflected(y + tap_y, ny) * stride_frame_y)[:, None]
        line = tl.zeros([h.shape[0], w.shape[0]], low.dtype)
        for tap_x in range(taps):
            at = rows_at + (_reflected(x + tap_x, nx) * stride_frame_x)[None, :]
            above = above_black(tl.load(at, inside, other=0), low, high, factor)
            weight = tl.load(weights_ptr + w * taps + tap_x, w < size_px, other=0)
            line += above * weight.to(low.dtype)[None, :]
        weight = tl.load(weights_ptr + h * taps + tap_y, h < size_px, other=0)
        total += line * weight.to(low.dtype)[:, None]
    return total


@triton.jit
def _chips(
    frame_ptr,
    window_ptr,
    y0_ptr,
    x0_ptr,
    first_ptr,
    weights_ptr,
    input_ptr,
    first_chip,
    chip_cols,
    ny,
    nx,
    size_px,
    taps,
    stride_frame_y,
    stride_frame_x,
    stride_n,
    stride_c,
    stride_h,
    stride_w,
    CHANNELS: tl.constexpr,
    BLOCK_H: tl.constexpr,
    BLOCK_W: tl.constexpr,
):
    tiles_w = tl.cdiv(size_px, BLOCK_W)
    tiles = tl.cdiv(size_px, BLOCK_H) * tiles_w
    n = tl.program_id(0) // tiles
    tile = tl.program_id(0) % tiles
    h = tile // tiles_w * BLOCK_H + tl.arange(0, BLOCK_H)
    w = tile % tiles_w * BLOCK_W + tl.arange(0, BLOCK_W)
    y0 = tl.load(y0_ptr + (first_chip + n) // chip_cols)
    x0 = tl.load(x0_ptr + (first_chip + n) % chip_cols)
    low = tl.load(window_ptr)
    high = tl.load(window_ptr + 1)
    value = tl.zeros([BLOCK_H, BLOCK_W], tl.float32)
    if is_open(low, high):
        if single_precision(low, high, frame_ptr.dtype.element_ty):
            black = low.to(tl.float32)
            white = high.to(tl.float32)
            total_single = _resample(
                frame_ptr,
                first_ptr,
                weights_ptr,
                y0,
                x0,
                h,
                w,
                ny,
                nx,
                size_px,
                taps,
                stride_frame_y,
                stride_frame_x,
                black,
                white,
                1.0,
            )
            value = tl.div_rn(total_single, white - black)
        else:
            factor = halving(low, high)
            total = _resample(
                frame_ptr,
                first_ptr,
                weights_ptr,
                y0,
                x0,
                h,
                w,
                ny,
                nx,
                size_px,
                taps,
                stride_frame_y,
                stride_frame_x,
                low,
                high,
                factor,
            )
            value = (total / (high * factor - low * factor)).to(tl.float32)
    inside = (h < size_px)[:, None] & (w < size_px)[None, :]
    at = input_ptr + n.to(tl.int64) * stride_n
    at += (h.to(tl.int64) * stride_h)[:, None] + (w.to(tl.int64) * stride_w)[None, :]
    for channel in tl.static_range(CHANNELS):
        tl.store(at + channel * stride_c, value.to(input_ptr.dtype.element_ty), inside)


def chips(
    frame_YX: torch.Tensor,
    window_2: torch.Tensor,
    tables: ChipTables,
    input_NCHW: torch.Tensor,
    *,
    first_chip: int = 0,
) -> torch.Tensor:
    """Fill `input_NCHW` with its N chips from `first_chip` on; every channel the same grey.

    The frame is raw, of any dtype of the wire in this machine's byte order; `window_2` is float64
    `[low, high]` on the device. The input is float32 or float16 with any number of channels and
    any strides, channels-last among them. An image that is normalised already goes through
    unchanged with the window `[0, 1]`. Raises ValueError for more chips than there are, or of
    another size than the tables'.
    """
    count, channels, *size = input_NCHW.shape
    if size != [tables.input_px] * 2 or first_chip + count > tables.chips:
        raise ValueError(
            f"Chips {first_chip} to {first_chip + count} of {tables.chips}, made for "
            f"{tables.input_px} px, do not fit an input of {list(input_NCHW.shape)}."
        )
    if count == 0:
        return input_NCHW
    config = launch_config("chips", frame_YX.device)
    block_h, block_w = config.blocks["BLOCK_H"], config.blocks["BLOCK_W"]
    tiles = triton.cdiv(tables.input_px, block_h) * triton.cdiv(tables.input_px, block_w)
    _chips[(count * tiles,)](
        frame_YX,
        window_2,
        tables.y0_R,
        tables.x0_C,
        tables.first_H,
        tables.weights_HT,
        input_NCHW,
        first_chip,
        len(tables.x0_C),
        *frame_YX.shape,
        tables.input_px,
        tables.weights_HT.shape[1],
        *frame_YX.stride(),
        *input_NCHW.stride(),
        CHANNELS=channels,
        BLOCK_H=block_h,
        BLOCK_W=block_w,
        **config.options,
    )
    return input_NCHW
