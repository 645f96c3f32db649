"""Pixels of any kind to the kinds that frames may have.

Shapes: Y, X pixels, C colour channels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scopeside.errors import InputFileError
from scopeside.messages import Array

# Kind and size of the dtypes of the wire contract; byte order is free.
_WIRE_KINDS = frozenset({"u1", "u2", "u4", "i2", "i4", "f2", "f4", "f8"})

# Luma of ITU-R BT.601, as every common image program computes grey.
_LUMA = (0.299, 0.587, 0.114)


def frame_dtype(dtype: np.dtype[Any], *, where: str) -> np.dtype[Any]:
    """Return the dtype of frames made of pixels of `dtype`.

    Raises InputFileError for complex numbers and for what is no number at all.
    """
    if dtype.names is not None:
        if len(dtype.names) not in (3, 4):
            raise InputFileError(
                f"{where} has pixels of {len(dtype.names)} components ({', '.join(dtype.names)}): "
                "frames need one value a pixel, or RGB."
            )
        return frame_dtype(dtype[dtype.names[0]], where=where)
    code = f"{dtype.kind}{dtype.itemsize}"
    if code in _WIRE_KINDS:
        return dtype
    if dtype.kind == "b":
        return np.dtype(np.uint8)
    if code == "i1":
        return np.dtype(np.int16)
    if dtype.kind in "iuf":
        # 64-bit integers are counts in practice: exact in float64 up to 2^53.
        return np.dtype(np.float64)
    what = "complex numbers" if dtype.kind == "c" else f"values of type {dtype}"
    raise InputFileError(
        f"{where} holds {what}: frames need real numbers, so save the magnitude or the image."
    )


def as_frame(values: Array, dtype: np.dtype[Any]) -> Array:
    """Return `(ny, nx)` pixels of `dtype` from grey `(ny, nx)`, colour `(ny, nx, 3 or 4)` or RGB
    records; colour becomes its luma, and transparency is ignored."""
    if values.dtype.names is not None:
        values = np.stack([values[name] for name in values.dtype.names[:3]], axis=-1)
    if values.ndim == 3:
        values = _luma(values)
    return np.ascontiguousarray(values, dtype=dtype)


def _luma(colour_YXC: Array) -> Array:
    if colour_YXC.shape[-1] < 3:  # grey with transparency
        return colour_YXC[..., 0]
    grey_YX = sum(
        weight * colour_YXC[..., channel].astype(np.float64) for channel, weight in enumerate(_LUMA)
    )
    if colour_YXC.dtype.kind in "iu":
        grey_YX = np.rint(grey_YX)
    return np.asarray(grey_YX)
