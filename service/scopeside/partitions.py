"""What can be said of a partition of chips: its order, modularity, prototypes, agreement.

Shape suffixes: N chips; E directed edges; K communities (L of a second partition); D features;
R partitions.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from scopeside.messages import Array, Float32, Graph, Int32, Int64, Partition
from scopeside.ports import AnyGraph


def relabelled(labels_N: Array) -> Int32:
    """Number communities from 0 in the order of their first chips."""
    _, first_K, inverse_N = np.unique(labels_N, return_index=True, return_inverse=True)
    rank_K = np.empty(len(first_K), dtype=np.int32)
    rank_K[np.argsort(first_K)] = np.arange(len(first_K), dtype=np.int32)
    answer_N: Int32 = rank_K[inverse_N]
    return answer_N


def community_count(labels_N: Array) -> int:
    """Communities of labels that count from 0."""
    return int(labels_N.max()) + 1 if len(labels_N) else 0


def edge_rows(graph: Graph) -> Int64:
    """The source chip of every directed edge."""
    return np.repeat(np.arange(graph.nodes, dtype=np.int64), np.diff(graph.offsets))


def edge_weights(graph: Graph) -> NDArray[np.float64]:
    """The weight of every directed edge; ones where the graph has none."""
    if graph.weights_E is None:
        return np.ones(len(graph.neighbours_E))
    return graph.weights_E.astype(np.float64)


def modularity(graph: AnyGraph, labels_N: Array, resolution: float) -> float:
    """Newman's modularity, its null model scaled by `resolution`; 0 for a graph without edges.

    Q = sum over communities of (inner weight / 2m) - resolution * (degree / 2m)^2, every
    undirected edge counted in both directions (Newman, Phys. Rev. E 69, 066133 (2004); the
    factor after Reichardt and Bornholdt, Phys. Rev. E 74, 016110 (2006)).
    """
    if not isinstance(graph, Graph):
        return graph.modularity(labels_N, resolution)
    if graph.edges == 0:
        return 0.0
    weights_E = edge_weights(graph)
    source_E = labels_N[edge_rows(graph)]
    inner = weights_E[source_E == labels_N[graph.neighbours_E]].sum()
    degree_K = np.bincount(source_E, weights=weights_E)
    total = weights_E.sum()
    return float(inner / total - resolution * np.sum((degree_K / total) ** 2))


def divided_as(graph: AnyGraph, partition: Partition, labels_N: Int32) -> Partition:
    """Return a partition with other labels (from 0, without gaps), and what follows from them."""
    return replace(
        partition,
        labels_N=labels_N,
        communities=community_count(labels_N),
        modularity=modularity(graph, labels_N, partition.resolution),
    )


def mean_rows(rows_ND: Array, labels_N: Array) -> NDArray[np.float64]:
    """Mean row of each community of labels that count from 0, summed in float64."""
    order_N = np.argsort(labels_N, kind="stable")
    starts_K = np.searchsorted(labels_N[order_N], np.arange(community_count(labels_N)))
    sums_KD = np.add.reduceat(rows_ND[order_N], starts_K, axis=0, dtype=np.float64)
    chips_K = np.diff(np.append(starts_K, len(order_N)))
    means_KD: NDArray[np.float64] = sums_KD / chips_K[:, None]
    return means_KD


def directions(rows_KD: Array) -> Float32:
    """Rows scaled to length one; a zero row stays zero."""
    norms_K = np.linalg.norm(rows_KD, axis=1, keepdims=True)
    return (rows_KD / np.where(norms_K > 0, norms_K, 1.0)).astype(np.float32)


def contingency(first_N: Array, second_N: Array) -> Int64:
    """Chips that carry label k in the first partition and l in the second, as `(K, L)`."""
    rows, columns = community_count(first_N), community_count(second_N)
    cells_N = first_N.astype(np.int64) * columns + second_N
    return np.bincount(cells_N, minlength=rows * columns).reshape(rows, columns)


def adjusted_rand(first_N: Array, second_N: Array) -> float:
    """Adjusted Rand index of two partitions whose labels count from 0; 1 when both are trivial.

    Hubert and Arabie, J. Classification 2, 193 (1985).
    """
    table_KL = contingency(first_N, second_N)
    both = _pairs(table_KL).sum()
    first, second = _pairs(table_KL.sum(axis=1)).sum(), _pairs(table_KL.sum(axis=0)).sum()
    chance = first * second / max(_pairs(np.asarray(len(first_N))), 1.0)
    most = 0.5 * (first + second)
    return 1.0 if most == chance else float((both - chance) / (most - chance))


def _pairs(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    return np.asarray(counts * (counts - 1) / 2.0)
