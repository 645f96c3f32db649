"""A picture for viewers: the frame as JPEG, labels and confidence exact, at the size asked for.

uint32 length of the header | header (JSON, UTF-8) | parts, in the order of `parts`
"""

from __future__ import annotations

import asyncio
import io
import json
import struct
import zlib
from collections.abc import Mapping
from concurrent.futures import Executor
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from scopeside.messages import Array, UInt8
from scopeside.wire.arrays import decode_array

QUALITY = 88
"""Of JPEG: what it loses is below the noise of a micrograph, at a fifth of the bytes."""

FAST = 1
"""Of zlib: label maps shrink a hundredfold at any level."""

SIZES_PX = (256, 384, 512, 768, 1024)
"""Longest sides that viewers get: few, so that those of like size share one picture."""


def size_for(wanted_px: int) -> int:
    """Return the smallest size that fills `wanted_px`, or the largest there is."""
    return next((size for size in SIZES_PX if size >= wanted_px), SIZES_PX[-1])


class Picture:
    """One result with its frame; encoded once for every size and kind that is asked for.

    Used in the event loop alone.
    """

    def __init__(self, reply: Mapping[str, Any], *, max_px: int) -> None:
        self.seq = int(reply["seq"])
        self.max_px = max_px
        self.result: dict[str, Any] = reply["result"]
        self._image_YX: UInt8 = decode_array(reply["image"])
        self._labels_YX = decode_array(reply["labels"])
        confidence = reply.get("confidence")
        self._confidence_YX = None if confidence is None else decode_array(confidence)
        self._messages: dict[tuple[int, bool], asyncio.Future[bytes]] = {}

    def serves(self, px: int, *, confidence: bool) -> bool:
        """Return whether nothing more has to be asked of the service for such a viewer."""
        return px <= self.max_px and (self._confidence_YX is not None or not confidence)

    async def message(self, px: int, *, confidence: bool, encoder: Executor) -> bytes:
        """Return what viewers of this size get; `encoder` makes it once, also where all ask at the
        same moment, as they do when a picture has come."""
        key = (min(px, max(self._image_YX.shape)), confidence)
        if key not in self._messages:
            work = partial(self.encoded, key[0], confidence=confidence)
            loop = asyncio.get_running_loop()
            self._messages[key] = loop.run_in_executor(encoder, work)
        # A viewer that goes away takes it from no other.
        return await asyncio.shield(self._messages[key])

    def told_anew(self) -> None:
        """What is said of the picture has changed, as when a community is renamed."""
        self._messages = {}

    def encoded(self, px: int, *, confidence: bool) -> bytes:
        """Encode it anew; takes some milliseconds, so not in the event loop."""
        image, step = self._smaller(px)
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=QUALITY)
        size = (image.height, image.width)
        parts = {"image": buffer.getvalue(), "labels": _packed(self._labels_YX, size, step)}
        if confidence and self._confidence_YX is not None:
            parts["confidence"] = _packed(self._confidence_YX, size, step)
        header = json.dumps(
            {
                "seq": self.seq,
                "size": size,
                **{key: self.result.get(key) for key in _TOLD},
                "parts": [[name, len(data)] for name, data in parts.items()],
            }
        ).encode()
        return b"".join((struct.pack("<I", len(header)), header, *parts.values()))

    def _smaller(self, px: int) -> tuple[Image.Image, float]:
        image = Image.fromarray(self._image_YX)
        step = max(1.0, max(image.size) / px)
        if step > 1.0:
            size = (max(1, round(image.width / step)), max(1, round(image.height / step)))
            image = image.resize(size, Image.Resampling.BOX)
        return image, step


_TOLD = (
    *("series", "frame", "shape", "communities", "fronts", "graph", "quality"),
    *("dose_e_per_m2", "pixel_size_m", "timing"),
)


def _packed(values_YX: Array, size: tuple[int, int], step: float) -> bytes:
    if step > 1.0:
        rows = ((np.arange(size[0]) + 0.5) * values_YX.shape[0] / size[0]).astype(np.intp)
        columns = ((np.arange(size[1]) + 0.5) * values_YX.shape[1] / size[1]).astype(np.intp)
        values_YX = values_YX[rows][:, columns]
    return zlib.compress(np.ascontiguousarray(values_YX).tobytes(), FAST)
