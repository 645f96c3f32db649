"""Frames on their way to a card: which pixels they have, and their bytes in pinned memory.

Shape suffix: Y, X frame pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from scopeside.errors import DropError, DropReason
from scopeside.messages import Array, Frame

_DTYPES = {
    "u1": torch.uint8,
    "u2": torch.uint16,
    "u4": torch.uint32,
    "i2": torch.int16,
    "i4": torch.int32,
    "f2": torch.float16,
    "f4": torch.float32,
    "f8": torch.float64,
}
"""The pixels of the wire contract, as NumPy names them without a byte order, and as torch does."""


@dataclass(frozen=True, slots=True)
class FrameKind:
    """What a plan is made for: frames of another shape, or of other pixels, need their own.

    `swapped` says that the bytes of a pixel are in the order that is not this machine's.
    """

    shape: tuple[int, int]
    dtype: torch.dtype
    swapped: bool

    @classmethod
    def of(cls, frame: Frame) -> FrameKind:
        """Return a frame's kind; DropError (`bad_dtype`) for pixels that no card takes."""
        pixels = frame.image_YX.dtype
        if pixels.str[1:] not in _DTYPES:
            raise DropError(
                DropReason.BAD_DTYPE,
                f"Frame {frame.number} of series '{frame.series}' has pixels of {pixels};"
                f" a GPU takes {', '.join(_DTYPES)}.",
            )
        return cls.of_pixels(frame.shape, pixels)

    @classmethod
    def of_pixels(cls, shape: tuple[int, int], pixels: np.dtype[Any]) -> FrameKind:
        """Return the kind of frames of such pixels, which must be of the wire contract."""
        return cls(shape=shape, dtype=_DTYPES[pixels.str[1:]], swapped=not pixels.isnative)

    @property
    def floating(self) -> bool:
        return self.dtype.is_floating_point


def put(values_YX: Array, pinned_YX: Tensor) -> None:
    """Write a frame's bytes into pinned memory of its kind, as they are."""
    words = f"u{values_YX.dtype.itemsize}"
    # As words, since a copy between byte orders would swap them here, at the host's expense.
    np.copyto(pinned_YX.numpy().view(words), values_YX.view(words))


def saturated(frame_YX: Tensor) -> Tensor:
    """Count the pixels at the largest value of their integer dtype, on the device (int64)."""
    # Of unsigned integers above 8 bits torch compares none; their largest is -1 to signed ones.
    signed = {torch.uint16: torch.int16, torch.uint32: torch.int32}.get(frame_YX.dtype)
    if signed is not None:
        return (frame_YX.view(signed) == -1).sum()
    return (frame_YX == torch.iinfo(frame_YX.dtype).max).sum()
