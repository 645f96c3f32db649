"""Beam and camera: how many electrons fall where, and what is counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ELEMENTARY_CHARGE_C = 1.602176634e-19
"""Exact, by the definition of the ampere of 2019."""

Beam = Literal["open", "shut", "exposing"]
"""Unblanked, blanked, or unblanked while the camera exposes and blanked in between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Optics:
    """The beam is spread over the field of view and a margin about it, whatever the magnification.

    So every frame of equal dwell has the same electrons a pixel, and the dose for the specimen goes
    with the inverse square of the field. The defaults give 300 electrons a pixel of 256 x 256 in
    0.2 s, and 2e23 electrons per m2 in a field of 13.7 nm.
    """

    shape: tuple[int, int] = (256, 256)
    current_a: float = 25e-12
    margin: float = 1.25
    """Side of what is lit, over the side of what is seen."""
    readout_s: float = 0.02
    dark_counts: float = 0.5
    """Counts a pixel that come without a beam."""

    @property
    def electrons_per_s(self) -> float:
        return self.current_a / ELEMENTARY_CHARGE_C

    def lit_m(self, fov_m: float) -> tuple[float, float]:
        """Return height and width of what is lit; `fov_m` is the width of what is seen."""
        ny, nx = self.shape
        return self.margin * fov_m * ny / nx, self.margin * fov_m

    def dose_e_per_m2(self, fov_m: float, seconds: float) -> float:
        """Return what a place in the field receives in so many seconds."""
        height_m, width_m = self.lit_m(fov_m)
        return self.electrons_per_s * seconds / (height_m * width_m)

    def counts(self, fov_m: float, dwell_s: float) -> float:
        """Return the electrons a pixel that a film of brightness 1 lets through."""
        pixel_m = fov_m / self.shape[1]
        return self.dose_e_per_m2(fov_m, dwell_s) * pixel_m**2
