"""The published method's loop written plainly, its defects mended; nothing of ours is used.

After PNNL's public code: every pair of chips is compared by cosine (SciPy's `pdist`), an
unweighted edge is kept where the similarity is at least the cutoff, Louvain maximises
modularity. Node order and seed are arguments, so that a test can see whether the answer is
the graph's or the order's. The encoder is a function of its own (`side_by_side.py`).
"""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist, squareform


def adjacency(embeddings_ND: NDArray[Any], cutoff: float) -> NDArray[np.bool_]:
    """Boolean (N, N): similarity at least the cutoff, no chip joined to itself."""
    similarity_NN = 1.0 - squareform(pdist(embeddings_ND.astype(np.float64), metric="cosine"))
    joined_NN: NDArray[np.bool_] = similarity_NN >= cutoff
    np.fill_diagonal(joined_NN, val=False)
    return joined_NN


def communities(
    joined_NN: NDArray[np.bool_], *, seed: int, order: NDArray[Any] | None = None
) -> NDArray[np.int64]:
    """Louvain by modularity at resolution 1; one label a chip."""
    graph = nx.Graph()
    graph.add_nodes_from((np.arange(len(joined_NN)) if order is None else order).tolist())
    graph.add_edges_from(np.argwhere(np.triu(joined_NN)).tolist())
    labels_N = np.empty(len(joined_NN), dtype=np.int64)
    found = nx.community.louvain_communities(graph, weight=None, resolution=1.0, seed=seed)
    for label, members in enumerate(found):
        labels_N[list(members)] = label
    return labels_N
