"""What the tap carries to the saving process: a result, and the frame that it is of.

[about, result]            where the frame is not saved
[about, result, pixels]    where it is
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgpack
import numpy as np

from scopeside.client.result import Result
from scopeside.errors import DropError, DropReason
from scopeside.messages import Array
from scopeside.wire.arrays import Buffer


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameFacts:
    """What is saved of a frame beside its result; `image_YX` is None where it is not saved.

    `pixel_size_m` is for results of services that do not echo it.
    """

    pixel_size_m: tuple[float, float] | None = None
    dose_e_per_m2: float | None = None
    image_YX: Array | None = None


def encode_saved(result: Buffer, facts: FrameFacts) -> list[Buffer]:
    """Return the parts of one frame; the pixels are not copied where they lie in one piece."""
    image_YX = facts.image_YX
    about = {
        "pixel_size_m": facts.pixel_size_m,
        "dose_e_per_m2": facts.dose_e_per_m2,
        "dtype": None if image_YX is None else image_YX.dtype.str,
    }
    parts: list[Buffer] = [msgpack.packb(about), result]
    if image_YX is not None:
        parts.append(np.ascontiguousarray(image_YX).reshape(-1).view(np.uint8).data)
    return parts


def decode_saved(parts: Sequence[Buffer]) -> tuple[Result, FrameFacts]:
    """Return what `encode_saved` was given; DropError for a result that cannot be saved."""
    about: dict[str, Any] = msgpack.unpackb(parts[0])
    result = savable(bytes(parts[1]))
    image_YX: Array | None = None
    if len(parts) > 2:
        image_YX = np.frombuffer(parts[2], about["dtype"]).reshape(result.labels_YX.shape)
    size = about["pixel_size_m"]
    facts = FrameFacts(
        pixel_size_m=result.pixel_size_m if size is None else (float(size[0]), float(size[1])),
        dose_e_per_m2=about["dose_e_per_m2"],
        image_YX=image_YX,
    )
    return result, facts


def savable(message: bytes) -> Result:
    """Decode a result; DropError for what is none, or whose arrays are no pair of maps."""
    result = Result.from_bytes(message)
    labels_YX, confidence_YX = result.labels_YX, result.confidence_YX
    if (
        labels_YX.ndim != 2
        or 0 in labels_YX.shape
        or labels_YX.shape != confidence_YX.shape
        or labels_YX.dtype != np.uint16
        or confidence_YX.dtype != np.uint8
    ):
        raise DropError(
            DropReason.BAD_SHAPE,
            f"Frame {result.frame} of {result.series} has labels {labels_YX.shape} "
            f"{labels_YX.dtype} and confidence {confidence_YX.shape} {confidence_YX.dtype}, "
            "which are no label map.",
        )
    return result
