"""Scores of one label map against one truth; the partition scores are `scopeside.evaluation`'s.

Shapes: Y, X frame pixels; V pixels that are scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from quality.sets import IGNORED
from scopeside.evaluation import (
    adjusted_rand_index,
    contingency,
    many_to_one,
    mean_iou,
    one_to_one,
)
from scopeside.messages import Array
from scopeside.view.overlay import boundaries


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """`iou_many` maps communities to classes many to one, `iou_one` one to one (Hungarian)."""

    ari: float
    iou_many: float
    iou_one: float
    boundary_f: float
    communities: float


def score(labels_YX: Array, truth_YX: Array, *, tolerance_px: float) -> Scores:
    """Score a label map; pixels whose truth is IGNORED count for nobody."""
    known_YX = truth_YX != IGNORED
    table = contingency(labels_YX[known_YX], truth_YX[known_YX])
    return Scores(
        ari=adjusted_rand_index(table),
        iou_many=mean_iou(table, many_to_one(table)),
        iou_one=mean_iou(table, one_to_one(table)),
        boundary_f=boundary_f(labels_YX, filled(truth_YX), tolerance_px=tolerance_px),
        communities=float(np.count_nonzero(np.unique(labels_YX))),
    )


def mean_scores(scores: Sequence[Scores]) -> Scores:
    """Return the mean over frames, each frame the same weight."""
    rows = [asdict(one) for one in scores]
    return Scores(**{name: float(np.mean([row[name] for row in rows])) for name in rows[0]})


def filled(truth_YX: Array) -> Array:
    """Return the truth with ignored pixels given to the nearest class, so that a membrane makes
    one boundary and not two."""
    from scipy.ndimage import distance_transform_edt

    unknown_YX = truth_YX == IGNORED
    if not unknown_YX.any() or unknown_YX.all():
        return truth_YX
    nearest_2YX = distance_transform_edt(unknown_YX, return_distances=False, return_indices=True)
    answer: Array = truth_YX[tuple(nearest_2YX)]
    return answer


def boundary_f(labels_YX: Array, truth_YX: Array, *, tolerance_px: float) -> float:
    """Return the F-score of the boundaries: found ones within `tolerance_px` of a true one, and
    true ones within it of a found one.

    After Martin, Fowlkes & Malik, IEEE TPAMI 26, 530 (2004), with the nearest boundary in place
    of a matching. Where neither map has a boundary they agree (1); where one has, they do not (0).
    """
    found_YX, true_YX = boundaries(labels_YX), boundaries(truth_YX)
    if not found_YX.any() or not true_YX.any():
        return float(found_YX.any() == true_YX.any())
    precision = float((_distance_px(true_YX)[found_YX] <= tolerance_px).mean())
    recall = float((_distance_px(found_YX)[true_YX] <= tolerance_px).mean())
    return 2.0 * precision * recall / (precision + recall) if precision + recall else 0.0


def _distance_px(boundary_YX: NDArray[np.bool_]) -> NDArray[np.float64]:
    from scipy.ndimage import distance_transform_edt

    distance_YX: NDArray[np.float64] = distance_transform_edt(~boundary_YX)
    return distance_YX
