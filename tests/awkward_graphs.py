"""Small graphs with something awkward about each, for tests of Louvain."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from planted import embeddings, graph_of, labels
from scopeside.messages import Graph
from scopeside_kernels.reference import neighbours, symmetric_csr, threshold_csr, unit_rows


def knn(nodes: int = 60, k: int = 6, *, seed: int = 0) -> Graph:
    """Three planted groups of unequal size."""
    sizes = [nodes // 2, nodes // 3, nodes - nodes // 2 - nodes // 3]
    unit_ND = unit_rows(embeddings(labels(sizes), seed=seed), centred=True)
    offsets, neighbours_E, weights_E = symmetric_csr(*neighbours(unit_ND, k))
    return Graph(offsets=offsets, neighbours_E=neighbours_E, weights_E=weights_E)


def threshold(nodes: int = 48) -> Graph:
    """Unweighted, with rows of very different length."""
    unit_ND = unit_rows(embeddings(labels([nodes // 2, nodes - nodes // 2]), seed=1), centred=True)
    offsets, neighbours_E = threshold_csr(unit_ND, 0.25)
    return Graph(offsets=offsets, neighbours_E=neighbours_E, weights_E=None)


def planted(nodes: int = 64, groups: int = 4, *, seed: int = 0) -> Graph:
    """Dense groups, a few edges between them, nodes of a group not beside each other."""
    rng = np.random.default_rng(seed)
    group_N = np.arange(nodes) % groups
    near = group_N[:, None] == group_N[None, :]
    joined = np.triu(rng.random((nodes, nodes)) < np.where(near, 0.5, 0.05), 1)
    return graph_of([(int(i), int(j), 1.0) for i, j in np.argwhere(joined)], nodes=nodes)


def ring(nodes: int = 30) -> Graph:
    """Equal weights: every choice is a tie, and communities merge over several levels."""
    return graph_of(
        [(n, n + 1, 1.0) for n in range(nodes - 1)] + [(0, nodes - 1, 1.0)], nodes=nodes
    )


def torus(side: int = 6) -> Graph:
    cells = np.arange(side * side).reshape(side, side)
    edges = [
        (int(a), int(b), 0.5)
        for axis in (0, 1)
        for a, b in zip(cells.ravel(), np.roll(cells, 1, axis).ravel(), strict=True)
    ]
    return graph_of(edges, nodes=side * side)


def star(leaves: int = 90) -> Graph:
    """A hub whose row is several tiles long, and two cliques hanging on leaves."""
    edges = [(0, n, 1.0) for n in range(1, leaves + 1)]
    for first in (1, 6):
        edges += [(first + a, first + b, 3.0) for b in range(5) for a in range(b)]
    return graph_of(edges, nodes=leaves + 1)


def apart() -> Graph:
    """Two triangles, a pair and three nodes without an edge."""
    edges = [(1, 4, 1.0), (1, 6, 0.5), (4, 6, 0.25), (2, 7, 1.0), (2, 9, 1.0), (7, 9, 1.0)]
    return graph_of([*edges, (3, 10, 0.125)], nodes=11)


GRAPHS: dict[str, Callable[[], Graph]] = {
    "knn": knn,
    "threshold": threshold,
    "planted": planted,
    "ring": ring,
    "torus": torus,
    "star": star,
    "apart": apart,
    "no edges": lambda: graph_of([], nodes=5),
    "one node": lambda: graph_of([], nodes=1),
    "one edge": lambda: graph_of([(0, 1, 0.3)], nodes=2),
    "zero weights": lambda: graph_of([(0, 1, 0.0), (1, 2, 0.0)], nodes=4),
    "weights far apart": lambda: graph_of([(0, 1, 1e-30), (1, 2, 1e-3), (2, 3, 1.0)], nodes=4),
    "tiny weights": lambda: graph_of([(0, 1, 1e-40), (2, 3, 1e-41), (1, 2, 1e-44)], nodes=4),
}
