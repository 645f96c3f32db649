"""Raw pixels to a float32 image in [0, 1] with the bits of `reference.normalise`.

Proven in Triton's interpreter and compiled (see `resources.json`).

Shape suffix: Y, X frame pixels.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from scopeside_kernels.launch import launch_config
from scopeside_kernels.pixels import above_black, halving, is_open, single_precision


@triton.jit
def _normalise(
    frame_ptr,
    window_ptr,
    image_ptr,
    ny,
    nx,
    stride_frame_y,
    stride_frame_x,
    stride_image_y,
    stride_image_x,
    BLOCK_Y: tl.constexpr,
    BLOCK_X: tl.constexpr,
):
    tiles_x = tl.cdiv(nx, BLOCK_X)
    y = (tl.program_id(0) // tiles_x * BLOCK_Y + tl.arange(0, BLOCK_Y)).to(tl.int64)[:, None]
    x = (tl.program_id(0) % tiles_x * BLOCK_X + tl.arange(0, BLOCK_X)).to(tl.int64)[None, :]
    inside = (y < ny) & (x < nx)
    pixels = tl.load(frame_ptr + y * stride_frame_y + x * stride_frame_x, inside, other=0)
    low = tl.load(window_ptr)
    high = tl.load(window_ptr + 1)
    image = tl.zeros([BLOCK_Y, BLOCK_X], tl.float32)
    if is_open(low, high):
        if single_precision(low, high, pixels.dtype):
            black = low.to(tl.float32)
            white = high.to(tl.float32)
            image = tl.div_rn(above_black(pixels, black, white, 1.0), white - black)
        else:
            factor = halving(low, high)
            share = above_black(pixels, low, high, factor) / (high * factor - low * factor)
            image = share.to(tl.float32)
    tl.store(image_ptr + y * stride_image_y + x * stride_image_x, image, inside)


def normalise(
    frame_YX: torch.Tensor, window_2: torch.Tensor, *, image_YX: torch.Tensor | None = None
) -> torch.Tensor:
    """Map the window's low end (float64 `[low, high]` on the device) to 0 and its high end to 1.

    Frames of any dtype of the wire in this machine's byte order, with any strides; as in the
    reference, pixels that are not finite become 0, and all do where the window is not open.
    """
    ny, nx = frame_YX.shape
    if image_YX is None:
        image_YX = torch.empty((ny, nx), dtype=torch.float32, device=frame_YX.device)
    config = launch_config("normalise", frame_YX.device)
    block_y, block_x = config.blocks["BLOCK_Y"], config.blocks["BLOCK_X"]
    _normalise[(triton.cdiv(ny, block_y) * triton.cdiv(nx, block_x),)](
        frame_YX,
        window_2,
        image_YX,
        ny,
        nx,
        *frame_YX.stride(),
        *image_YX.stride(),
        BLOCK_Y=block_y,
        BLOCK_X=block_x,
        **config.options,
    )
    return image_YX
