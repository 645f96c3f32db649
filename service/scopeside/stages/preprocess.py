"""Frame -> Image: detector correction, contrast and nothing that depends on the clock.

The corrections come in the detector's order: dark reference subtracted, flat field divided out,
hot pixels replaced; then the contrast window, then CLAHE. What is wrong with a frame is kept
and never fatal:

- pixels that are not finite (as they arrive, or after correction) become 0 and are counted;
- saturation is measured on the raw values, before anything is subtracted from them;
- a frame whose percentiles coincide (constant, saturated, empty or without a finite pixel)
  becomes an image of zeros marked `flat`, also while a contrast window is held.

Shape suffix: Y, X frame pixels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scopeside.errors import DropError, DropReason, MissingExtraError
from scopeside.messages import Array, Float32, Frame, Image, UInt8
from scopeside.settings import PreprocessSettings
from scopeside_kernels.reference import (
    ContrastWindow,
    contrast_window,
    normalise,
    saturated_fraction,
)

MAD_TO_SIGMA = 1.4826
"""Standard deviations in a median absolute deviation of Gaussian noise: 1 / 0.6745."""


class Preprocess:
    """Turns raw frames into images; with `contrast = "series"` it holds a window between them.

    `dark_YX` and `flat_YX` are the reference frames themselves (the flat field with its own dark
    already subtracted). The flat field is scaled to a mean of one over its usable pixels; where
    it is zero, negative or not finite, the frame is left as it is. Raises MissingExtraError
    where a correction that is asked for needs OpenCV and there is none.
    """

    def __init__(
        self,
        settings: PreprocessSettings,
        *,
        dark_YX: Array | None = None,
        flat_YX: Array | None = None,
    ) -> None:
        self._settings = settings
        self._dark_YX = None if dark_YX is None else finite_or(dark_YX, 0.0)
        self._gain_YX = None if flat_YX is None else gain_of(flat_YX)
        self._held: tuple[str, ContrastWindow] | None = None
        self._cv2: Any = None
        if settings.clahe or settings.hot_pixel_sigma is not None:
            self._cv2 = _opencv()

    def __call__(self, frame: Frame) -> Image:
        """Correct and normalise one frame.

        Raises DropError (`bad_shape`) for a frame that a reference frame does not fit.
        """
        settings = self._settings
        values_YX = self._corrected(frame)
        own = contrast_window(values_YX, settings.low_percentile, settings.high_percentile)
        window = own if settings.contrast == "frame" else self._hold(frame.series, own)
        image_YX = (
            np.zeros(values_YX.shape, np.float32)
            if own.flat
            else normalise(values_YX, window.low, window.high)
        )
        if settings.clahe and not own.flat:
            image_YX = self._equalised(image_YX)
        return Image(
            values_YX=image_YX,
            low=window.low,
            high=window.high,
            flat=own.flat,
            nonfinite_px=own.nonfinite_px,
            saturated_fraction=saturated_fraction(frame.image_YX),
        )

    def reset(self) -> None:
        """Forget the held contrast window: the next frame that is not flat sets it anew."""
        self._held = None

    def _hold(self, series: str, own: ContrastWindow) -> ContrastWindow:
        """The window of the series' first frame that is not flat.

        One series is remembered: a newer one ends those before it, and a stream of many series
        must not grow the service.
        """
        if self._held is not None and self._held[0] == series:
            return self._held[1]
        if not own.flat:
            self._held = (series, own)
        return own

    def _corrected(self, frame: Frame) -> Array:
        values_YX = frame.image_YX
        with np.errstate(over="ignore", invalid="ignore"):  # beyond float32: counted, not fatal
            if self._dark_YX is not None:
                require_fit(frame, self._dark_YX, "dark reference", "preprocess.dark")
                values_YX = np.subtract(values_YX.astype(np.float32), self._dark_YX)
            if self._gain_YX is not None:
                require_fit(frame, self._gain_YX, "flat field", "preprocess.flat")
                values_YX = np.multiply(values_YX.astype(np.float32), self._gain_YX)
            if self._settings.hot_pixel_sigma is not None:
                values_YX = self._without_hot_pixels(
                    values_YX.astype(np.float32), self._settings.hot_pixel_sigma
                )
        return values_YX

    def _without_hot_pixels(self, values_YX: Float32, sigmas: float) -> Float32:
        """Replace the pixels that stand out of their 3x3 median by more than the noise does.

        The noise is the median absolute deviation from that median; where more than half of the
        frame equals its surroundings that is zero, and the root mean square takes its place.
        Pixels that are not finite count as the frame's median here and stay what they are.
        """
        finite = np.isfinite(values_YX)
        if not finite.any():
            return values_YX
        filled_YX = values_YX
        if not finite.all():
            filled_YX = np.where(finite, values_YX, np.median(values_YX[finite]))
        median_YX: Float32 = self._cv2.medianBlur(np.ascontiguousarray(filled_YX), 3)
        deviation_YX = np.abs(filled_YX - median_YX)
        sigma = MAD_TO_SIGMA * float(np.median(deviation_YX))
        if sigma == 0.0:
            sigma = float(np.sqrt(np.mean(np.square(deviation_YX, dtype=np.float64))))
        hot = finite & (deviation_YX > sigmas * sigma)
        np.copyto(median_YX, values_YX, where=~hot)
        return median_YX

    def _equalised(self, image_YX: Float32) -> Float32:
        """CLAHE on 8 bits, which is what gives the clip limit its meaning.

        OpenCV counts the limit in mean bin heights: the 65,536 bins of 16 bits are nearly all
        empty in a tile, so there the same limit would clip nothing and only amplify noise.
        """
        tiles = (self._settings.clahe_tiles, self._settings.clahe_tiles)
        clahe = self._cv2.createCLAHE(self._settings.clahe_clip, tiles)
        equalised_YX: UInt8 = clahe.apply(np.rint(image_YX * 255).astype(np.uint8))
        return equalised_YX.astype(np.float32) / np.float32(255)


def _opencv() -> Any:
    try:
        import cv2
    except ImportError:
        raise MissingExtraError(
            "preprocess.clahe and preprocess.hot_pixel_sigma need OpenCV: "
            "install the engine with `pip install scopeside[cpu]`, or turn them off."
        ) from None
    return cv2


def finite_or(reference_YX: Array, value: float) -> Float32:
    """Return a reference frame as float32, `value` where it is not finite."""
    with np.errstate(over="ignore"):
        reference = reference_YX.astype(np.float32)
    reference[~np.isfinite(reference)] = value
    return reference


def gain_of(flat_YX: Array) -> Float32:
    """What a frame is multiplied by: the flat field's mean over the flat field, or one."""
    flat = flat_YX.astype(np.float64)
    usable = np.isfinite(flat) & (flat > 0)
    gain_YX = np.ones(flat.shape, np.float64)
    if usable.any():
        np.divide(flat[usable].mean(), flat, out=gain_YX, where=usable)
    return finite_or(gain_YX, 1.0)


def require_fit(frame: Frame, reference_YX: Float32, noun: str, key: str) -> None:
    """Raise DropError (`bad_shape`) for a frame that a reference frame does not fit."""
    if frame.shape != reference_YX.shape:
        raise DropError(
            DropReason.BAD_SHAPE,
            f"Frame {frame.number} of series '{frame.series}' is {list(frame.shape)} and the "
            f"{noun} is {list(reference_YX.shape)}: give {key} a file of the frame's shape.",
        )
