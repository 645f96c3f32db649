"""The published method's graph on our embeddings: an unweighted edge from a similarity cutoff.

Louvain at resolution 1, nothing joined by distance. Two things are kinder to it than the
published code: chips overlap and vote, and communities of fewer than three chips join their
neighbour, where that code leaves them unlabelled. Of the cutoffs of two ladders the best for all
sets is taken, and, told by the truth, the best for each.
"""

from __future__ import annotations

from quality.segmenting import UNJOINED, Answer, answered
from quality.sets import Labelled, Protocol
from scopeside.ports import Embedder

PLAIN = (0.7, 0.8, 0.9, 0.95, 0.98)
"""Cutoffs of plain cosine, as published (0.8 there)."""
CENTRED = (0.2, 0.4, 0.6)
"""Cutoffs of cosine after subtracting the frame's mean embedding."""


def threshold_answers(
    embedder: Embedder, protocol: Protocol, frames: list[Labelled]
) -> dict[str, Answer]:
    """Return the answer at every cutoff of both ladders."""
    ladder = [(False, cutoff) for cutoff in PLAIN] + [(True, cutoff) for cutoff in CENTRED]
    return {
        f"{'centred' if centred else 'plain'} {cutoff:g}": answered(
            embedder,
            protocol,
            frames,
            "graph.edges=threshold",
            f"graph.threshold={cutoff}",
            f"graph.centred={str(centred).lower()}",
            "graph.resolution=1.0",
            UNJOINED,
        )
        for centred, cutoff in ladder
    }
