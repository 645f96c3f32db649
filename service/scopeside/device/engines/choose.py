"""The engine of every number of chips, as `communities.engine` asks for it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cached_property

from scopeside.device.engines.crossovers import Crossovers
from scopeside.device.engines.engine import Engine, EngineName
from scopeside.device.engines.kernel import KernelClusterer
from scopeside.ports import Clusterer
from scopeside.settings import Settings
from scopeside.stages.communities import LouvainClusterer
from scopeside.stages.communities.parallel import fits

log = logging.getLogger(__name__)


class Engines:
    """Chooses once for a number of chips, and makes each clusterer when it is first chosen.

    `cugraph` makes that of cuGraph, or raises BackendError; where `has_cugraph` is False, `auto`
    does without. What the kernels' integers do not hold goes to cuGraph, or to the CPU's library.
    """

    def __init__(
        self,
        settings: Settings,
        table: Crossovers,
        *,
        cugraph: Callable[[], Clusterer],
        has_cugraph: bool,
    ) -> None:
        self._asked = settings.communities.engine
        self._neighbours = settings.graph.neighbours
        self._table = table
        self._make_cugraph = cugraph
        self._has_cugraph = has_cugraph
        self._chosen: dict[int, Engine] = {}
        if self._asked == "cugraph":
            # What is missing is said now, not with the first frame.
            self._clusterer("cugraph")

    def __call__(self, chips: int) -> Engine:
        """Return the engine for frames of that many chips."""
        if chips not in self._chosen:
            name = self._name(chips)
            if self._asked not in ("auto", name):
                log.warning(
                    f"communities.engine = {self._asked} does not take {chips} chips with"
                    f" {self._neighbours} neighbours: {name} does"
                )
            self._chosen[chips] = Engine(engine=name, clusterer=self._clusterer(name))
        return self._chosen[chips]

    def _name(self, chips: int) -> EngineName:
        wanted = self._table.engine(chips) if self._asked == "auto" else self._asked
        if wanted == "cugraph" and not self._has_cugraph:
            wanted = "kernel"
        if wanted == "kernel" and not fits(chips, 2 * chips * self._neighbours):
            wanted = "cugraph" if self._has_cugraph else "cpu"
        return wanted

    def _clusterer(self, name: EngineName) -> Clusterer:
        if name == "kernel":
            return self._kernel
        return self._cpu if name == "cpu" else self._cugraph

    @cached_property
    def _kernel(self) -> KernelClusterer:
        return KernelClusterer()

    @cached_property
    def _cpu(self) -> LouvainClusterer:
        return LouvainClusterer()

    @cached_property
    def _cugraph(self) -> Clusterer:
        return self._make_cugraph()
