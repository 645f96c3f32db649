"""Louvain communities of a similarity graph.

Shape suffixes: N chips; E directed edges.
"""

from __future__ import annotations

from importlib.metadata import version

import numpy as np

from scopeside.messages import Array, Graph, Partition
from scopeside.partitions import community_count, edge_weights, modularity, relabelled
from scopeside.ports import AnyGraph

_TOLERANCE = 1e-5
"""Gain in modularity below which Louvain stops. The library's own 1e-3 stopped short of a
partition that PNNL's loop found from every start; this costs no measurable time. Below about
1e-6 the gains are rounding (the library computes in float32)."""


class LouvainClusterer:
    """Louvain by scikit-network; the same graph, resolution and seed give the same bits.

    Chosen by measurement (docs/adr/0003-louvain-library.md). The seed orders the chips that
    Louvain visits. A weighted graph without any edge is a frame in which no chip differs from
    another, so it is one community; in an unweighted (threshold) graph a chip without edges is
    a community by itself, after PNNL's public code.
    """

    def __init__(self) -> None:
        # Loaded here, before the first frame: the import takes the better part of a second.
        import sknetwork.clustering  # noqa: F401

        self._name = f"louvain/scikit-network-{version('scikit-network')}"

    @property
    def name(self) -> str:
        return self._name

    def partition(self, graph: AnyGraph, *, resolution: float, seed: int) -> Partition:
        """Find communities; `resolution` 1 is plain modularity, a lower one joins more."""
        if not isinstance(graph, Graph):
            graph = graph.brought()
        if graph.edges > 0:
            labels_N = relabelled(_louvain(graph, resolution, seed))
        elif graph.weights_E is None:
            labels_N = np.arange(graph.nodes, dtype=np.int32)
        else:
            return undivided(graph, resolution=resolution)
        return Partition(
            labels_N=labels_N,
            communities=community_count(labels_N),
            resolution=resolution,
            modularity=modularity(graph, labels_N, resolution),
        )


def undivided(graph: AnyGraph, *, resolution: float) -> Partition:
    """Return the partition of a frame that shows nothing to tell its chips apart."""
    labels_N = np.zeros(graph.nodes, dtype=np.int32)
    return Partition(
        labels_N=labels_N,
        communities=community_count(labels_N),
        resolution=resolution,
        modularity=modularity(graph, labels_N, resolution),
    )


def _louvain(graph: Graph, resolution: float, seed: int) -> Array:
    from scipy import sparse
    from sknetwork.clustering import Louvain

    # As the library wants them: it would convert anything else at every level, a quarter of its
    # time on a graph of a thousand chips.
    matrix = sparse.csr_matrix(
        (edge_weights(graph), graph.neighbours_E, graph.offsets.astype(np.int32)),
        shape=(graph.nodes, graph.nodes),
    )
    louvain = Louvain(
        resolution=resolution,
        modularity="newman",
        tol_optimization=_TOLERANCE,
        tol_aggregation=_TOLERANCE,
        shuffle_nodes=True,
        random_state=seed,
        sort_clusters=False,
        return_probs=False,
        return_aggregate=False,
    )
    labels_N: Array = louvain.fit_predict(matrix)
    return labels_N
