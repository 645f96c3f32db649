"""The similarity graph of a frame's chips.

Shape suffixes: N chips; D embedding features.
"""

from __future__ import annotations

from scopeside.messages import Float32, Graph
from scopeside.settings import GraphSettings
from scopeside_kernels.reference import neighbours, symmetric_csr, threshold_csr, unit_rows


def build_graph(embeddings_ND: Float32, settings: GraphSettings) -> tuple[Graph, Float32]:
    """Join similar chips; return the graph and the `(N, D)` unit embeddings it is made of.

    `knn`: each chip and its `neighbours` most similar ones, weighted by cosine similarity,
    pairs at or below zero left apart. `threshold`: an unweighted edge wherever the similarity
    reaches `threshold`, after PNNL's public code. With `centred` the frame's mean embedding is
    subtracted first, which spreads what a random or a general encoder packs into a narrow cone.
    """
    unit_ND = unit_rows(embeddings_ND, centred=settings.centred)
    if settings.edges == "threshold":
        offsets, neighbours_E = threshold_csr(unit_ND, settings.threshold, settings.block_rows)
        return Graph(offsets=offsets, neighbours_E=neighbours_E, weights_E=None), unit_ND
    neighbours_NK, similarities_NK = neighbours(unit_ND, settings.neighbours, settings.block_rows)
    offsets, neighbours_E, weights_E = symmetric_csr(neighbours_NK, similarities_NK)
    return Graph(offsets=offsets, neighbours_E=neighbours_E, weights_E=weights_E), unit_ND
