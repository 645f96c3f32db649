"""The published method's loop written plainly, its defects mended; nothing of ours is used.

After PNNL's public code: every pair of chips is compared by cosine (SciPy's `pdist`), an
unweighted edge is kept where the similarity is at least the cutoff, Louvain maximises
modularity. Node order and seed are arguments, so that a test can see whether the answer is
the graph's or the order's.
"""

from __future__ import annotations

import networkx as nx
import numpy as np
from scipy.spatial.distance import pdist, squareform


def adjacency(embeddings_ND: np.ndarray, cutoff: float) -> np.ndarray:
    """Boolean (N, N): similarity at least the cutoff, no chip joined to itself."""
    similarity_NN = 1.0 - squareform(pdist(embeddings_ND.astype(np.float64), metric="cosine"))
    joined_NN = similarity_NN >= cutoff
    np.fill_diagonal(joined_NN, val=False)
    return joined_NN


def communities(joined_NN: np.ndarray, *, seed: int, order: np.ndarray | None = None) -> np.ndarray:
    """Louvain by modularity at resolution 1; one label a chip."""
    graph = nx.Graph()
    graph.add_nodes_from((np.arange(len(joined_NN)) if order is None else order).tolist())
    graph.add_edges_from(np.argwhere(np.triu(joined_NN)).tolist())
    labels_N = np.empty(len(joined_NN), dtype=np.int64)
    found = nx.community.louvain_communities(graph, weight=None, resolution=1.0, seed=seed)
    for label, members in enumerate(found):
        labels_N[list(members)] = label
    return labels_N


def same_partition(first_N: np.ndarray, second_N: np.ndarray) -> bool:
    """Whether two labellings group the chips alike (an adjusted Rand index of exactly 1)."""
    pairs = set(zip(first_N.tolist(), second_N.tolist(), strict=True))
    return len(pairs) == len(set(first_N.tolist())) == len(set(second_N.tolist()))


def settled(joined_NN: np.ndarray, *, count: int = 100) -> np.ndarray | None:
    """The one answer from every one of `count` seeds and node orders; None where they differ.

    Where there is one, it is the graph's own and not the order's. Fewer orders are too few to say
    so: on one simulated frame forty agreed, and a rarer answer came after.
    """
    plain_N = communities(joined_NN, seed=42)
    for number in range(1, count):
        order = np.random.default_rng(number).permutation(len(joined_NN))
        if not same_partition(plain_N, communities(joined_NN, seed=42 + number, order=order)):
            return None
    return plain_N
