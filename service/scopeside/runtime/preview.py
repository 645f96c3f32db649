"""The newest result with its frame, scaled for eyes: what the control command `preview` answers.

Nothing is done for it until somebody asks: the publishing thread leaves one reference, and the
control thread scales when a viewer wants a picture. So nobody's watching costs the pipeline
nothing, and five viewers behind one web process cost what one does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scopeside.messages import Array, Contrast, UInt8
from scopeside.published import Published
from scopeside.wire.arrays import encode_array
from scopeside.wire.control import Preview
from scopeside.wire.results import result_map, timing_map
from scopeside_kernels import reference

PICTURE_EVERY_S = 0.05
"""Pictures are made at most this often, whoever asks: twenty a second are more than eyes need."""

_SCALED_AS_THEY_ARE = ("u1", "u2", "i2", "f4", "f8")
"""Pixels that OpenCV scales; others take the way over float32."""


@dataclass(frozen=True, slots=True, eq=False)
class _Newest:
    seq: int
    published: Published


class Previews:
    """Keeps the newest result; one thread puts, another asks."""

    def __init__(self, *, corrected: bool, now_s: Callable[[], float] = time.monotonic) -> None:
        """`corrected`: frames are changed by a dark or flat reference before they are segmented, so
        that the pipeline's black and white are not those of the frame as it came."""
        self._corrected = corrected
        self._now_s = now_s
        self._newest: _Newest | None = None
        # Numbers that no earlier service of this endpoint has used: a viewer that stays over a
        # restart must not take the first new result for the last old one.
        self._seq = int(1000 * time.time())
        self._pictured_s = float("-inf")

    def put(self, published: Published) -> None:
        """Keep a result in place of the last one."""
        segmentation = published.segmentation
        image = segmentation.image
        # Without the normalised pixels, which are the largest part of it and not needed here.
        contrast = Contrast(
            low=image.low,
            high=image.high,
            flat=image.flat,
            nonfinite_px=image.nonfinite_px,
            saturated_fraction=image.saturated_fraction,
        )
        kept = replace(published, segmentation=replace(segmentation, image=contrast))
        self._seq += 1
        self._newest = _Newest(self._seq, kept)

    def answer(self, request: Preview) -> dict[str, Any]:
        """Return the newest result where it is newer than `request.after`, with its arrays scaled.

        `seq` alone comes back where there is none, or where a picture is wanted too soon after the
        last one.
        """
        newest = self._newest
        if newest is None:
            return {"seq": 0}
        if newest.seq == request.after:
            return {"seq": newest.seq}
        reply = {"seq": newest.seq, "result": _described(newest.published)}
        if request.max_px == 0:
            return reply
        now_s = self._now_s()
        if now_s - self._pictured_s < PICTURE_EVERY_S:
            return {"seq": request.after}
        self._pictured_s = now_s
        return reply | self._picture(newest.published, request)

    def _picture(self, published: Published, request: Preview) -> dict[str, Any]:
        segmentation = published.segmentation
        shape = scaled_shape(segmentation.frame.shape, request.max_px)
        label_map = segmentation.label_map
        arrays = {
            "image": self._grey(published, shape),
            "labels": nearest(label_map.labels_YX, shape).astype("<u2", copy=False),
        }
        if request.confidence:
            arrays["confidence"] = nearest(label_map.confidence_YX, shape)
        return {name: encode_array(values, "none") for name, values in arrays.items()}

    def _grey(self, published: Published, shape: tuple[int, int]) -> UInt8:
        image = published.segmentation.image
        smaller_YX = area_mean(published.segmentation.frame.image_YX, shape)
        low, high = image.low, image.high
        if self._corrected:
            window = reference.contrast_window(smaller_YX, 0.5, 99.5)
            low, high = window.low, window.high
        grey_YX: UInt8 = (255.0 * reference.normalise(smaller_YX, low, high) + 0.5).astype(np.uint8)
        return grey_YX


def scaled_shape(shape: tuple[int, int], max_px: int) -> tuple[int, int]:
    """Return `shape` made smaller, never larger, so that its longer side has `max_px` at most."""
    scale = min(1.0, max_px / max(shape))
    return max(1, round(scale * shape[0])), max(1, round(scale * shape[1]))


def area_mean(image_YX: Array, shape: tuple[int, int]) -> Array:
    """Return the image at a smaller `shape`, each pixel the mean of what it covers.

    A mean, because a lattice of which only some pixels are kept shows moire that is not there.
    """
    if image_YX.shape == shape:
        return image_YX
    import cv2  # heavy, and there with the engine

    native = image_YX.dtype.isnative and image_YX.dtype.str[1:] in _SCALED_AS_THEY_ARE
    pixels = image_YX if native else image_YX.astype(np.float32)
    smaller: Array = cv2.resize(
        np.ascontiguousarray(pixels), (shape[1], shape[0]), interpolation=cv2.INTER_AREA
    )
    return smaller


def nearest(values_YX: Array, shape: tuple[int, int]) -> Array:
    """Return the values at a smaller `shape`, each one that was there: ids have no mean.

    By OpenCV, without the interpreter's lock and in a fifth of the time of NumPy's indexing.
    """
    if values_YX.shape == shape:
        return values_YX
    import cv2  # as above

    found: Array = cv2.resize(
        np.ascontiguousarray(values_YX),
        (shape[1], shape[0]),
        interpolation=cv2.INTER_NEAREST_EXACT,
    )
    return found


def _described(published: Published) -> dict[str, Any]:
    segmentation = published.segmentation
    frame = segmentation.frame
    return {
        **result_map(segmentation, published.accounting),
        "shape": list(frame.shape),
        "dose_e_per_m2": frame.dose_e_per_m2,
        "timing": timing_map(published),
    }
