"""Which Louvain finds the communities of a frame, as `communities.engine` and its size decide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from scopeside.messages import Partition
from scopeside.ports import AnyGraph, Clusterer

EngineName = Literal["cugraph", "kernel", "cpu"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A clusterer, and whether it runs with the frame, before the host asks for it."""

    engine: EngineName
    clusterer: Clusterer

    @property
    def on_card(self) -> bool:
        return self.engine == "kernel"

    @property
    def name(self) -> str:
        return self.clusterer.name


class EngineClusterer:
    """Passes a graph to the engine of its size."""

    def __init__(self, engine_of: Callable[[int], Engine]) -> None:
        self._engine_of = engine_of

    @property
    def name(self) -> str:
        return "louvain/by size"

    def partition(self, graph: AnyGraph, *, resolution: float, seed: int) -> Partition:
        """Find communities by the engine that such a graph is for."""
        engine = self._engine_of(graph.nodes)
        return engine.clusterer.partition(graph, resolution=resolution, seed=seed)
