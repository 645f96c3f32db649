"""The newest result with its frame, scaled for eyes: what the control command `preview` answers.

While nobody asks, the publishing thread leaves one reference and that is all. While somebody
watches, it makes the next picture when a result has just gone out, since that is when a frame
least often is in work: made at the moment of asking, ten pictures a second would hold up ten frames
a second. The control thread makes only the first one, and the last of a stream that pauses. Five
viewers behind one web process cost what one does.
"""

from __future__ import annotations

import logging
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

log = logging.getLogger(__name__)

PICTURE_EVERY_S = 0.05
"""Pictures are made at most this often, whoever asks: twenty a second are more than eyes need."""

WATCHED_S = 2.0
"""A picture asked for this long ago still counts as watching: the page asks ten times a second."""

STALE_S = 0.2
"""A picture that nobody fetched is made anew after this time: who asks next is to see now."""

_SCALED_AS_THEY_ARE = ("u1", "u2", "i2", "f4", "f8")
"""Pixels that OpenCV scales; others take the way over float32."""


@dataclass(frozen=True, slots=True, eq=False)
class _Newest:
    seq: int
    published: Published


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """A picture that was made, ready to be sent."""

    seq: int
    made_s: float
    max_px: int
    confidence: bool
    reply: dict[str, Any]

    def serves(self, request: Preview) -> bool:
        return (self.max_px, self.confidence) == (request.max_px, request.confidence)


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
        self._asked: Preview | None = None
        self._asked_s = float("-inf")
        self._drawn: _Drawn | None = None
        self._fetched = 0
        self._told = 0
        """The newest result that an answer told of: none tells of an older one after it."""

    def put(self, published: Published) -> None:
        """Keep a result in place of the last one, and make its picture if somebody watches."""
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
        now_s = self._now_s()
        self._seq += 1
        self._newest = newest = _Newest(self._seq, kept)
        asked, drawn = self._asked, self._drawn
        if asked is None or now_s - self._asked_s > WATCHED_S:
            return
        fetched = drawn is None or drawn.seq == self._fetched or now_s - drawn.made_s > STALE_S
        if fetched and self._due(now_s):
            try:
                self._drawn = self._draw(newest, asked, now_s)
            except Exception:
                # No picture is worth the thread that publishes. The control thread tries next, and
                # tells whoever asks that it cannot.
                log.exception("a picture for the page could not be made")
                self._drawn = None

    def answer(self, request: Preview) -> dict[str, Any]:
        """Return the newest result where it is newer than `request.after`, with its arrays scaled.

        A picture is of the newest result of which one was made, a little older in a fast stream.
        `seq` alone comes back where there is none, or where a picture is wanted too soon after the
        last one.
        """
        newest = self._newest
        if newest is None:
            return {"seq": 0}
        now_s = self._now_s()
        if request.max_px:
            self._asked, self._asked_s = request, now_s
        if newest.seq == request.after:
            return {"seq": newest.seq}
        if request.max_px == 0:
            self._told = newest.seq
            return {"seq": newest.seq, "result": _described(newest.published)}
        drawn = self._drawn
        if drawn is None or not drawn.serves(request) or self._behind(drawn, newest, now_s):
            if not self._due(now_s):
                return {"seq": request.after}
            self._drawn = drawn = self._draw(newest, request, now_s)
        if drawn.seq == request.after:  # the next result brings the next one
            return {"seq": request.after}
        self._fetched = self._told = drawn.seq
        return drawn.reply

    def _behind(self, drawn: _Drawn, newest: _Newest, now_s: float) -> bool:
        """Whether more was told already, nobody watched since, or the stream paused before its last
        result was drawn."""
        stale = drawn.seq != newest.seq and now_s - drawn.made_s > STALE_S
        return drawn.seq < self._told or stale

    def _due(self, now_s: float) -> bool:
        return now_s - self._pictured_s >= PICTURE_EVERY_S

    def _draw(self, newest: _Newest, request: Preview, now_s: float) -> _Drawn:
        self._pictured_s = now_s
        reply = {"seq": newest.seq, "result": _described(newest.published)}
        return _Drawn(
            seq=newest.seq,
            made_s=now_s,
            max_px=request.max_px,
            confidence=request.confidence,
            reply=reply | self._picture(newest.published, request),
        )

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
