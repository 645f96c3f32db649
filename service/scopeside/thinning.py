"""Graphs with a random share of their edges taken away, for judging what survives it.

Shape suffixes: E directed edges.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scopeside.messages import Graph
from scopeside.partitions import edge_rows

UInt64 = NDArray[np.uint64]

_GOLDEN = 0x9E3779B97F4A7C15
_WORD = 2**64
FIRST_FACTOR, SECOND_FACTOR = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
"""Factors of the finaliser of SplitMix64."""


class Thinning:
    """Thins one graph again and again, each time by other edges.

    Whether an edge goes is decided by a hash of its two ends, the seed and the number of the
    draw: both directions always agree, nothing depends on the order of the draws, and there is
    no loop over edges.
    """

    def __init__(self, graph: Graph, *, seed: int) -> None:
        self._graph = graph
        rows_E = edge_rows(graph).astype(np.uint64)
        columns_E = graph.neighbours_E.astype(np.uint64)
        low_E, high_E = np.minimum(rows_E, columns_E), np.maximum(rows_E, columns_E)
        self._edges_E = _mixed(low_E * np.uint64(graph.nodes) + high_E + word(seed + 1))

    def draw(self, number: int, *, share: float) -> Graph:
        """Return the graph without about `share` of its edges; the same number, the same graph."""
        hash_E = _mixed(self._edges_E + word(number + 1))
        kept_E = hash_E >= np.uint64(share * _WORD)
        kept_before = np.concatenate([[0], np.cumsum(kept_E)])
        weights_E = self._graph.weights_E
        return Graph(
            offsets=kept_before[self._graph.offsets],
            neighbours_E=self._graph.neighbours_E[kept_E],
            weights_E=None if weights_E is None else weights_E[kept_E],
        )


def word(number: int) -> np.uint64:
    """Return the `number`th word of a sequence that spreads evenly."""
    return np.uint64(number * _GOLDEN % _WORD)


def _mixed(words_E: UInt64) -> UInt64:
    """Scatter words over all 64 bits (the finaliser of SplitMix64, Steele et al., OOPSLA 2014)."""
    words_E = (words_E ^ (words_E >> np.uint64(30))) * np.uint64(FIRST_FACTOR)
    words_E = (words_E ^ (words_E >> np.uint64(27))) * np.uint64(SECOND_FACTOR)
    return words_E ^ (words_E >> np.uint64(31))
