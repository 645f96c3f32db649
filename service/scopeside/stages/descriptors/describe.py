"""All descriptors of a frame, and what they carry from one frame to the next.

Shape suffixes: M chosen chips; H, W pixels of a chip; K communities that have one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from scopeside.descriptor_settings import DescriptorSettings
from scopeside.looks import Looks
from scopeside.messages import (
    ChipGrid,
    Community,
    Contrast,
    Float32,
    Frame,
    Front,
    Identified,
    LabelMap,
)
from scopeside.stages.descriptors.fronts import FrontTracker
from scopeside.stages.descriptors.peaks import order_of
from scopeside.stages.descriptors.pixels import Detector, cut_pixels
from scopeside.stages.descriptors.reference import Reference
from scopeside.stages.descriptors.sample import Sample, chosen
from scopeside.stages.descriptors.spectra import LEAST_SIDE_PX, Plan, spectra_of
from scopeside.stages.descriptors.texture import entropy_bits, rms_contrast

NAMES = (
    "crystallinity",
    "spacing_px",
    "spacing_m",
    "orientation_rad",
    "entropy_bits",
    "contrast",
    "reference_distance",
)
"""The keys that every community gets."""

Float64 = NDArray[np.float64]
Told = dict[str, float | None]
Described = tuple[tuple[Community, ...], tuple[Front, ...]]


class Descriptors:
    """Measures order in the communities of each frame; reads label maps and never changes them."""

    def __init__(
        self,
        settings: DescriptorSettings,
        *,
        unit: float | None,
        encoder: str,
        detector: Detector,
    ) -> None:
        self._settings = settings
        self._detector = detector
        self.reference = Reference(unit=unit, encoder=encoder)
        self._fronts = FrontTracker()
        self._series: str | None = None
        self._plans: dict[int, Plan] = {}

    def apply(self, settings: DescriptorSettings) -> None:
        """Take over changed settings."""
        self._settings = settings

    def describe(
        self,
        frame: Frame,
        contrast: Contrast,
        grid: ChipGrid,
        identified: Identified,
        label_map: LabelMap,
        communities: tuple[Community, ...],
        looks: Looks,
    ) -> Described:
        """Return the communities with their descriptors, and the fronts between them.

        The reference may be kept of a frame of which nothing else is measured.
        """
        if frame.series != self._series:
            self._series = frame.series
            self._fronts.reset()
        self.reference.see(identified, looks)
        if not self._settings.enabled:
            return communities, ()
        sample = chosen(identified, label_map, grid, most=self._settings.chips_per_community)
        known: dict[int, Told] = {one.id: dict.fromkeys(NAMES) for one in identified.identities}
        for name, values_K in self._pixelwise(frame, contrast, sample):
            _tell(known, name, sample.ids_K.tolist(), values_K)
        _tell(known, "reference_distance", known, self.reference.distances_K())
        described = tuple(replace(one, descriptors=known[one.identity.id]) for one in communities)
        return described, self._fronts.find(label_map, frame, grid)

    def reset(self) -> None:
        """Forget the reference and the fronts."""
        self.reference.reset()
        self._fronts.reset()

    def _pixelwise(
        self, frame: Frame, contrast: Contrast, sample: Sample
    ) -> Iterator[tuple[str, Float64]]:
        """Yield what pixels tell of each community with a chip, NaN where it does not apply."""
        if contrast.flat or not contrast.high > contrast.low or len(sample) == 0:
            return
        chips_MHW = cut_pixels(frame, contrast, sample, self._detector)
        if sample.side_px >= LEAST_SIDE_PX:
            yield from self._spectral(frame, chips_MHW, sample)
        yield "entropy_bits", entropy_bits(chips_MHW, sample)
        yield "contrast", rms_contrast(chips_MHW, sample, contrast)

    def _spectral(
        self, frame: Frame, chips_MHW: Float32, sample: Sample
    ) -> Iterator[tuple[str, Float64]]:
        side_px = sample.side_px
        plan = self._plans.setdefault(side_px, Plan(side_px))
        order = order_of(spectra_of(chips_MHW, plan), sample, plan)
        yield "crystallinity", order.crystallinity_K
        yield "spacing_px", side_px / np.hypot(order.y_K, order.x_K)
        if frame.pixel_size_m is not None:
            y_m, x_m = frame.pixel_size_m
            yield "spacing_m", side_px / np.hypot(order.y_K / y_m, order.x_K / x_m)
        angle_K = np.arctan2(order.y_K, order.x_K) % np.pi
        yield "orientation_rad", np.where(order.directed_K, angle_K, np.nan)


def _tell(known: dict[int, Told], name: str, ids: Iterable[int], values_K: Float64) -> None:
    """Note a descriptor of some communities, None for what is not finite."""
    for id_, value in zip(ids, values_K.tolist(), strict=True):
        known[id_][name] = value if math.isfinite(value) else None
