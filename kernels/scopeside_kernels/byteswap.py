"""Pixels of the other byte order to this machine's, bits otherwise untouched.

torch has no big-endian dtypes, so a frame that arrived so is taken as the native dtype of its
width with its bytes the wrong way round, and passes through here before any other kernel. Proven
in Triton's interpreter and compiled (see `resources.json`).

Shape suffix: Y, X frame pixels.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from scopeside_kernels.launch import launch_config


@triton.jit
def _byteswap(
    source_ptr,
    target_ptr,
    ny,
    nx,
    stride_source_y,
    stride_source_x,
    stride_target_y,
    stride_target_x,
    BYTES: tl.constexpr,
    BLOCK_Y: tl.constexpr,
    BLOCK_X: tl.constexpr,
):
    tiles_x = tl.cdiv(nx, BLOCK_X)
    y = (tl.program_id(0) // tiles_x * BLOCK_Y + tl.arange(0, BLOCK_Y)).to(tl.int64)[:, None]
    x = (tl.program_id(0) % tiles_x * BLOCK_X + tl.arange(0, BLOCK_X)).to(tl.int64)[None, :]
    inside = (y < ny) & (x < nx)
    word = tl.load(source_ptr + y * stride_source_y + x * stride_source_x, inside, other=0)
    swapped = tl.zeros_like(word)
    for byte in tl.static_range(BYTES):
        swapped |= ((word >> (8 * byte)) & 255) << (8 * (BYTES - 1 - byte))
    tl.store(target_ptr + y * stride_target_y + x * stride_target_x, swapped, inside)


def byteswap(frame_YX: torch.Tensor, *, native_YX: torch.Tensor | None = None) -> torch.Tensor:
    """Return the frame with the bytes of every pixel reversed, in the same dtype.

    Any dtype of 1, 2, 4 or 8 bytes, any strides; `native_YX` may be the frame itself.
    """
    if native_YX is None:
        native_YX = torch.empty_like(frame_YX, memory_format=torch.contiguous_format)
    # As words: a signalling NaN must pass through untouched, and its bytes may make one.
    size = frame_YX.dtype.itemsize
    words = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[size]
    ny, nx = frame_YX.shape
    config = launch_config("byteswap", frame_YX.device)
    block_y, block_x = config.blocks["BLOCK_Y"], config.blocks["BLOCK_X"]
    _byteswap[(triton.cdiv(ny, block_y) * triton.cdiv(nx, block_x),)](
        frame_YX.view(words),
        native_YX.view(words),
        ny,
        nx,
        *frame_YX.stride(),
        *native_YX.stride(),
        BYTES=size,
        BLOCK_Y=block_y,
        BLOCK_X=block_x,
        **config.options,
    )
    return native_YX
