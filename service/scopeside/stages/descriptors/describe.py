"""All descriptors of a frame, and what they carry from one frame to the next.

Shape suffixes: M chosen chips; H, W pixels of a chip; K communities.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scopeside.descriptor_settings import DescriptorSettings
from scopeside.looks import Looks
from scopeside.messages import (
    ChipGrid,
    Community,
    Contrast,
    Frame,
    Front,
    Identified,
    LabelMap,
)
from scopeside.stages.descriptors.pixels import Detector, cut_pixels
from scopeside.stages.descriptors.reference import Reference
from scopeside.stages.descriptors.sample import Sample, chosen
from scopeside.stages.descriptors.texture import entropy_bits, rms_contrast

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
        """Return the communities with their descriptors, and the fronts.

        The reference can be kept of a frame that nothing else is measured of.
        """
        self.reference.see(identified, looks)
        if not self._settings.enabled:
            return communities, ()
        sample = chosen(identified, label_map, grid, most=self._settings.chips_per_community)
        measured = self._measured(frame, contrast, sample)
        far = self.reference.distances()
        place = {identity.id: k for k, identity in enumerate(identified.identities)}
        described = tuple(
            replace(
                one,
                descriptors={
                    name: _known(values_K[place[one.identity.id]])
                    for name, values_K in measured.items()
                }
                | {"reference_distance": far[one.identity.id]},
            )
            for one in communities
        )
        return described, ()

    def reset(self) -> None:
        """Forget the reference."""
        self.reference.reset()

    def _measured(
        self, frame: Frame, contrast: Contrast, sample: Sample
    ) -> Mapping[str, NDArray[Any]]:
        """Return each descriptor for every identity, NaN where it does not apply."""
        if not contrast.high > contrast.low or len(sample) == 0:
            nothing_K = np.full(sample.communities, np.nan)
            return dict.fromkeys(("entropy_bits", "contrast"), nothing_K)
        chips_MHW = cut_pixels(frame, contrast, sample, self._detector)
        return {
            "entropy_bits": entropy_bits(chips_MHW, sample),
            "contrast": rms_contrast(chips_MHW, sample, contrast),
        }


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
