"""What a specimen is made of, and the two that the twin has."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Kind(IntEnum):
    """What lies at a place; the labels of a truth are these numbers."""

    VACUUM = 0
    AMORPHOUS = 1
    CRYSTAL = 2
    SECOND_PHASE = 3
    PRECIPITATE = 4

    @property
    def title(self) -> str:
        return self.name.lower().replace("_", " ")


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeUp:
    """A film of `extent_m` square about the origin. Lengths in metres, doses in electrons per m2.

    The defaults are of an oxide film with grains of some tens of nanometres: lattice fringes of
    0.39 nm (SrTiO3 (100)), a second phase with a larger cell and a stack of lamellae, and a dose of
    some 1e25 electrons per m2 to turn it amorphous, which is as the simulated film of
    `scopeside.testing.specimen` has it.
    """

    extent_m: float = 1.0e-6
    grain_m: float = 45e-9
    amorphous_share: float = 0.22
    second_phase_share: float = 0.16
    precipitate_chance: float = 0.45
    """How many of the squares of `precipitate_pitch_m` have one."""
    precipitate_pitch_m: float = 50e-9
    precipitate_radius_m: tuple[float, float] = (7e-9, 12e-9)
    hole_chance: float = 0.35
    hole_pitch_m: float = 160e-9
    hole_radius_m: tuple[float, float] = (15e-9, 32e-9)
    lattice_m: float = 0.39e-9
    speckle_m: float = 0.35e-9
    critical_e_per_m2: float = 2.0e25
    """Dose at which half of a crystal has turned amorphous; that of a grain differs by
    `critical_spread`, that of a place in it by `patch_spread`, both as standard deviations of the
    logarithm."""
    critical_spread: float = 0.15
    patch_spread: float = 0.25
    patch_m: float = 5.0e-9
    """Correlation length of the patches in which a crystal turns amorphous."""
    front_m_per_s: float = 0.0
    """Speed of a front that makes the crystal amorphous from one side, whether the beam is there or
    not; 0 for none."""


MAKEUPS = {
    "mosaic": MakeUp(),
    # One crystal without end, for a loop that is to see one front and nothing else.
    "film": MakeUp(
        grain_m=4e-6,
        amorphous_share=0.0,
        second_phase_share=0.0,
        precipitate_chance=0.0,
        hole_chance=0.0,
        front_m_per_s=1.5e-9,
    ),
}
"""The specimens by name: `mosaic` has everything, `film` is one crystal with a front."""
