"""The service's own pipeline on frames whose embeddings are remembered.

Shapes: Y, X frame pixels; N chips.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quality.encoders import configuration, known_as, mode_of
from quality.scores import Scores, mean_scores, score
from quality.sets import Labelled, Protocol
from scopeside.assembly import assemble, still_frame
from scopeside.messages import Array, ChipGrid, Segmentation
from scopeside.ports import Embedder
from scopeside_kernels.reference import paint

EQUAL_RESOLUTIONS = (0.3, 0.5, 1.0)
"""Where encoders are compared at equal clustering: each of these, nothing joined afterwards."""
UNJOINED = "identity.merge_distance=0"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """One method's label maps of a set's frames, and their mean scores."""

    labels: list[Array]
    scores: Scores


def segmentations(
    embedder: Embedder, protocol: Protocol, images: list[Array], *sets: str
) -> list[Segmentation]:
    """Segment every image by itself, as the first frame of a series, with `sets` changed."""
    pipeline = assemble(
        configuration(known_as(embedder), mode_of(embedder), protocol.chip_px, *sets), embedder
    )
    found = []
    for number, image_YX in enumerate(images):
        pipeline.reset()
        found.append(pipeline.segment(still_frame(image_YX, series=f"frame {number}")))
    return found


def scored(labels: list[Array], frames: list[Labelled], protocol: Protocol) -> Answer:
    """Score label maps of a set's frames."""
    scores = [
        score(labels_YX, frame.truth_YX, tolerance_px=protocol.tolerance_px)
        for labels_YX, frame in zip(labels, frames, strict=True)
    ]
    return Answer(labels=labels, scores=mean_scores(scores))


def answered(embedder: Embedder, protocol: Protocol, frames: list[Labelled], *sets: str) -> Answer:
    """Segment and score a set's frames."""
    found = segmentations(embedder, protocol, [frame.image_YX for frame in frames], *sets)
    return scored([one.label_map.labels_YX for one in found], frames, protocol)


def iou_at_equal_clustering(
    embedder: Embedder, protocol: Protocol, frames: list[Labelled]
) -> float:
    """Return the many-to-one mean IoU of plain Louvain, averaged over `EQUAL_RESOLUTIONS`.

    This judges the encoder: joining and `auto` follow the distances that one encoder makes, and
    leave another's frame in one piece.
    """
    answers = [
        answered(embedder, protocol, frames, f"graph.resolution={resolution}", UNJOINED)
        for resolution in EQUAL_RESOLUTIONS
    ]
    return float(np.mean([answer.scores.iou_many for answer in answers]))


def painted(labels_N: Array, grid: ChipGrid) -> Array:
    """Paint chip labels that count from 0 by the service's soft votes, undivided: what divides
    them is the embedding, which other methods do not have."""
    ids_N = (labels_N + 1).astype("uint16")
    return paint(ids_N, grid.y0_R, grid.x0_C, grid.chip_px, grid.shape)[0]
