"""What becomes of communities too small to mean anything.

Shape suffixes: N chips; E directed edges; K communities; P pairs of communities; D features.
"""

from __future__ import annotations

import numpy as np

from scopeside.looks import Looks
from scopeside.messages import Array, Float32, Graph, Int32, Int64, Partition
from scopeside.partitions import (
    directions,
    divided_as,
    edge_rows,
    edge_weights,
    mean_rows,
    relabelled,
)
from scopeside.ports import AnyGraph

_BLOCK_ROWS = 1024


def merge_small(
    graph: AnyGraph, partition: Partition, unit: Float32 | Looks, *, min_chips: int
) -> Partition:
    """Join communities of fewer than `min_chips` chips to their most similar neighbour.

    Most similar is the community to which most edge weight leads; where no edge leaves a small
    community, the one of the nearest mean embedding. Equal claims go to the lower label.
    Afterwards every community has `min_chips` chips, or there is only one. The modularity is
    that of the merged partition. With `min_chips` 1 nothing is joined (parity).
    """
    labels_N = partition.labels_N
    while True:
        small_K = np.bincount(labels_N) < min_chips
        if len(small_K) <= 1 or not small_K.any():
            break
        target_K = (
            heaviest_neighbours(graph, labels_N, small_K)
            if isinstance(graph, Graph)
            else graph.heaviest_neighbours(labels_N, small_K)
        )
        if np.array_equal(target_K, np.arange(len(target_K))):
            target_K = _nearest_prototype(unit, labels_N, small_K)
        labels_N = _joined(labels_N, target_K)
    if labels_N is partition.labels_N:
        return partition
    return divided_as(graph, partition, labels_N)


def heaviest_neighbours(graph: Graph, labels_N: Int32, small_K: Array) -> Int64:
    """For each small community the label it shares most weight with; itself where none."""
    communities = len(small_K)
    source_E = labels_N[edge_rows(graph)].astype(np.int64)
    sink_E = labels_N[graph.neighbours_E].astype(np.int64)
    leaving_E = (source_E != sink_E) & small_K[source_E]
    pair_P, pair_E = np.unique(
        source_E[leaving_E] * communities + sink_E[leaving_E], return_inverse=True
    )
    weight_P = np.bincount(pair_E, weights=edge_weights(graph)[leaving_E], minlength=len(pair_P))
    source_P, sink_P = np.divmod(pair_P, communities)
    # Sorted so, the first pair of each source is its heaviest sink, of equals the lowest label.
    order_P = np.lexsort((sink_P, -weight_P, source_P))
    first_P = order_P[np.unique(source_P[order_P], return_index=True)[1]]
    target_K = np.arange(communities, dtype=np.int64)
    target_K[source_P[first_P]] = sink_P[first_P]
    return target_K


def _nearest_prototype(unit: Float32 | Looks, labels_N: Int32, small_K: Array) -> Int64:
    """For each small community the large one of the most similar mean embedding.

    Without any large community nothing can be told apart, and all become one.
    """
    target_K = np.arange(len(small_K), dtype=np.int64)
    small, large = np.flatnonzero(small_K), np.flatnonzero(~small_K)
    if len(large) == 0:
        return np.zeros_like(target_K)
    means_KD = mean_rows(unit, labels_N) if isinstance(unit, np.ndarray) else unit.means(labels_N)
    prototypes_KD = directions(means_KD)
    for start in range(0, len(small), _BLOCK_ROWS):
        block = small[start : start + _BLOCK_ROWS]
        similarity = prototypes_KD[block] @ prototypes_KD[large].T
        target_K[block] = large[np.argmax(similarity, axis=1)]
    return target_K


def _joined(labels_N: Int32, target_K: Int64) -> Int32:
    """Labels after each community joined its target, chains and circles of joins included."""
    from scipy import sparse
    from scipy.sparse.csgraph import connected_components

    communities = len(target_K)
    joins = sparse.csr_matrix(
        (np.ones(communities, dtype=np.int8), (np.arange(communities), target_K)),
        shape=(communities, communities),
    )
    _, component_K = connected_components(joins, directed=False)
    return relabelled(component_K[labels_N])
