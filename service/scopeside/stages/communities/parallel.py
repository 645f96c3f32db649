"""Our own parallel Louvain on the CPU, by its definition: the bits that its kernels give on a GPU.

Shape suffix: N chips.
"""

from __future__ import annotations

import numpy as np

from scopeside.messages import Graph, Partition
from scopeside.partitions import community_count, modularity
from scopeside.ports import AnyGraph
from scopeside.stages.communities.louvain import LouvainClusterer, undivided
from scopeside_kernels import reference_louvain

NAME = "louvain/scopeside-parallel"


def fits(nodes: int, directed_edges: int, resolution: float = 1.0) -> bool:
    """Whether the integers of this Louvain hold such a graph at such a resolution."""
    return (
        nodes <= reference_louvain.MAX_NODES
        and directed_edges <= reference_louvain.MAX_EDGES
        and reference_louvain.MIN_RESOLUTION <= resolution <= reference_louvain.MAX_RESOLUTION
    )


class ParallelClusterer:
    """Needs no seed: nothing in it is random.

    What has no edges is taken as `LouvainClusterer` takes it, and what the integers here do not
    hold is left to that one. Slower than it: this is for comparing with a GPU's answers.
    """

    def __init__(self) -> None:
        self._beyond: LouvainClusterer | None = None

    @property
    def name(self) -> str:
        return NAME

    def partition(self, graph: AnyGraph, *, resolution: float, seed: int) -> Partition:
        """Find communities; `resolution` 1 is plain modularity, a lower one joins more."""
        here = graph if isinstance(graph, Graph) else graph.brought()
        if not fits(here.nodes, 2 * here.edges, resolution):
            self._beyond = self._beyond or LouvainClusterer()
            return self._beyond.partition(here, resolution=resolution, seed=seed)
        if here.edges > 0:
            labels_N = reference_louvain.louvain(
                here.offsets, here.neighbours_E, here.weights_E, resolution=resolution
            ).labels_N
        elif here.weights_E is None:
            labels_N = np.arange(here.nodes, dtype=np.int32)
        else:
            return undivided(graph, resolution=resolution)
        return Partition(
            labels_N=labels_N,
            communities=community_count(labels_N),
            resolution=resolution,
            modularity=modularity(graph, labels_N, resolution),
        )
