"""A frame that the card works on."""

from __future__ import annotations

from dataclasses import dataclass

from scopeside.clock import StageClock
from scopeside.device.painting import Maps
from scopeside.device.plan import Plan, Track
from scopeside.messages import Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A frame on the card; `life` says since which recovery."""

    frame: Frame
    plan: Plan
    track: Track
    maps: Maps
    resolution: float | None
    replanned: bool
    life: int
    clock: StageClock
