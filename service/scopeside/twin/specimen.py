"""The specimen as a detector sees it: a brightness and a kind for every pixel of any view.

Shapes: Y, X pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from scopeside.messages import Float32, UInt8
from scopeside.twin.brush import Brush, Textures
from scopeside.twin.damage import Damage, DoseMap, Front
from scopeside.twin.layout import Ground, Layout
from scopeside.twin.makeup import Kind, MakeUp
from scopeside.twin.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a view shows: brightness relative to the film, and what each pixel is now."""

    bright_YX: Float32
    kind_YX: UInt8


@dataclass(frozen=True, kw_only=True)
class Specimen:
    """A film of a make-up, drawn from a seed, with the dose that it has received."""

    makeup: MakeUp
    seed: int
    front_lead_m: float = 0.0

    @cached_property
    def dose(self) -> DoseMap:
        return DoseMap(self.makeup.extent_m)

    @cached_property
    def front(self) -> Front | None:
        if self.makeup.front_m_per_s <= 0:
            return None
        return Front(
            seed=self.seed, speed_m_per_s=self.makeup.front_m_per_s, lead_m=self.front_lead_m
        )

    @cached_property
    def damage(self) -> Damage:
        return Damage(makeup=self.makeup, seed=self.seed, dose=self.dose, front=self.front)

    def kinds(self, view: View, clock_s: float) -> UInt8:
        """Return what each pixel of a view is at a moment, without drawing it."""
        return self._now(view, clock_s)[0]

    def look(self, view: View, clock_s: float) -> Look:
        """Return what a view shows at a moment of the twin's clock."""
        kind_YX, ground, order_YX = self._now(view, clock_s)
        brush = Brush(
            view=view, textures=self.textures, ground=ground, lattice_m=self.makeup.lattice_m
        )
        return Look(bright_YX=brush.drawn(order_YX), kind_YX=kind_YX)

    def _now(self, view: View, clock_s: float) -> tuple[UInt8, Ground, Float32]:
        ground = self.layout.at(view)
        order_YX = self.damage.order(view, ground.hardness_YX, clock_s)
        kind_YX = ground.kind_YX.copy()
        kind_YX[(kind_YX == Kind.CRYSTAL) & (order_YX < 0.5)] = Kind.AMORPHOUS
        return kind_YX, ground, order_YX

    @cached_property
    def layout(self) -> Layout:
        return Layout(makeup=self.makeup, seed=self.seed)

    @cached_property
    def textures(self) -> Textures:
        return Textures.drawn(self.seed, speckle_m=self.makeup.speckle_m)
