"""Chips with a planted partition, for tests of what should find it again."""

from __future__ import annotations

import numpy as np

from scopeside.messages import Float32, Graph, Int32


def labels(sizes: list[int]) -> Int32:
    """Community k of `sizes[k]` chips, one after the other."""
    return np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)


def embeddings(
    labels_N: Int32, *, seed: int, distance: float = 2.0, features: int = 64, centres_seed: int = 0
) -> Float32:
    """Non-negative, cone-like embeddings as of an encoder: a common offset, centres, noise.

    Centres lie about `distance` apart in units of the noise's total spread.
    """
    communities = int(labels_N.max()) + 1
    centres_KD = np.random.default_rng(centres_seed).normal(size=(communities, features))
    centres_KD *= distance / np.sqrt(2.0)
    noise_ND = np.random.default_rng((seed, 1)).normal(size=(len(labels_N), features))
    values_ND = 20.0 + centres_KD[labels_N] + noise_ND
    return np.maximum(values_ND, 0.0).astype(np.float32)


def graph_of(edges: list[tuple[int, int, float]], *, nodes: int, weighted: bool = True) -> Graph:
    """The graph with these undirected edges."""
    both = sorted([(a, b, w) for a, b, w in edges] + [(b, a, w) for a, b, w in edges])
    rows = np.array([a for a, _, _ in both], dtype=np.int64)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=nodes))])
    return Graph(
        offsets=offsets.astype(np.int64),
        neighbours_E=np.array([b for _, b, _ in both], dtype=np.int32),
        weights_E=np.array([w for _, _, w in both], dtype=np.float32) if weighted else None,
    )
