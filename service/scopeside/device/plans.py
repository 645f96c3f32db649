"""The plans that are kept: of the last few kinds of frame, as far as the card's memory goes."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable

from scopeside.device.pixels import FrameKind
from scopeside.device.plan import Plan, Planner
from scopeside.errors import DeviceMemoryError

log = logging.getLogger(__name__)

PLANNED_KINDS = 4
"""Kinds of frame kept planned, as many as `scopeside.pipeline` keeps shapes."""


class Plans:
    """Makes a plan when a kind of frame comes first; `made` counts them.

    `with_louvain` says, for a number of chips, whether Louvain runs with the frame.
    """

    def __init__(self, planner: Planner, *, with_louvain: Callable[[int], bool]) -> None:
        self._planner = planner
        self._with_louvain = with_louvain
        # By when they were used last. Never changed but replaced: other threads look at it.
        self._plans: dict[FrameKind, Plan] = {}
        self.made = 0

    @property
    def kept(self) -> list[Plan]:
        """The plans at hand; any thread may look."""
        return list(self._plans.values())

    @property
    def kinds(self) -> list[FrameKind]:
        """The kinds of frame that they are of."""
        return list(self._plans)

    def of(self, kind: FrameKind) -> tuple[Plan, bool]:
        """Return the plan of a kind of frame, and whether it was made now.

        Where the card's memory does not hold it, those of other kinds are forgotten first. Raises
        DeviceMemoryError where that is not enough.
        """
        known = self._plans.get(kind)
        if known is not None:
            self._keep(kind, known)
            return known, False
        plan = self._where_it_fits(kind)
        self._keep(kind, plan)
        self.made += 1
        return plan, True

    def smaller(self, planner: Planner) -> None:
        """Make plans by another planner from now on; those of the one before are forgotten."""
        self._planner = planner
        self.forget()

    def forget(self) -> None:
        """Drop all plans, and give back what they took once no frame needs it."""
        self._plans = {}
        gc.collect()
        self._planner.card.release()

    def _keep(self, kind: FrameKind, plan: Plan) -> None:
        others = {other: one for other, one in self._plans.items() if other != kind}
        newest = list(others.items())[-(PLANNED_KINDS - 1) :]
        self._plans = {**dict(newest), kind: plan}

    def _where_it_fits(self, kind: FrameKind) -> Plan:
        try:
            return self._planned(kind)
        except DeviceMemoryError as error:
            if not self._plans:
                raise
            log.warning("forgetting plans of other frames", extra={"because": str(error)})
        # Outside of the handler, whose traceback kept alive what the failed attempt had made.
        self.forget()
        return self._planned(kind)

    def _planned(self, kind: FrameKind) -> Plan:
        chips = self._planner.grid(kind).chips
        return self._planner.plan(kind, with_louvain=self._with_louvain(chips))
