"""Scores of a simulated irradiation run: a film turning amorphous from the left.

Shapes: Y, X frame pixels; K label ids.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from scopeside.evaluation import (
    Contingency,
    adjusted_rand_index,
    contingency,
    id_counts_by_row,
    many_to_one,
    mean_iou,
    one_to_one,
    summed,
)
from scopeside.messages import Array, Float32, Int64

CRYSTALLINE, AMORPHOUS = 0, 1
PHASES: Mapping[int, str] = {CRYSTALLINE: "crystalline", AMORPHOUS: "amorphous"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameScore:
    """One frame against its truth; `mean_iou` maps communities many to one within the frame."""

    frame: int
    dose_e_per_m2: float | None
    ari: float
    mean_iou: float
    mean_iou_one_to_one: float
    amorphous_fraction_true: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontScore:
    """The amorphous side of one frame; fronts are medians over the rows, in pixels.

    `error_px` is the median over the rows of the distance between the two fronts.
    """

    frame: int
    dose_e_per_m2: float | None
    amorphous_fraction: float
    amorphous_fraction_true: float
    front_px: float
    front_px_true: float
    error_px: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunScore:
    """A whole run: means over frames, unless the name says median.

    `mean_iou_of_ids` maps each *persistent* id to one class for the whole run and counts the
    pixels of all frames together. `id_constancy` is the share of (frame, class) pairs in which
    the id that covers most of a class is the one that does so most often, of classes that
    cover at least `PRESENT` of the frame; `id_constancy_by_class` the same for each class.
    """

    frames: int
    ari: float
    mean_iou: float
    mean_iou_one_to_one: float
    mean_iou_of_ids: float
    front_error_median_px: float
    id_constancy: float
    id_constancy_by_class: Mapping[str, float]
    class_of_id: Mapping[int, str]
    fronts: tuple[FrontScore, ...]


PRESENT = 0.125
"""Share of the frame below which a class is narrower than a chip (64 of 512 px by default), so
that no chip lies wholly in it."""


@dataclass(slots=True)
class FilmEvaluation:
    """Gathers the frames of one simulated run; keeps counts per row, not label maps.

    Which ids are amorphous is decided at the end, from all frames: persistent ids promise to
    mean the same material throughout.
    """

    _scores: list[FrameScore] = field(default_factory=list)
    _tables: list[Contingency] = field(default_factory=list)
    _rows: list[tuple[Int64, Float32, int]] = field(default_factory=list)

    @property
    def scores(self) -> Sequence[FrameScore]:
        return tuple(self._scores)

    def add(
        self,
        *,
        frame: int,
        labels_YX: Array,
        front_px_Y: NDArray[np.floating],
        dose_e_per_m2: float | None = None,
    ) -> FrameScore:
        """Score one frame whose pixels left of `front_px_Y` (one column a row) are amorphous."""
        truth_YX = truth_from_front(front_px_Y, labels_YX.shape[1])
        table = contingency(labels_YX, truth_YX)
        score = FrameScore(
            frame=frame,
            dose_e_per_m2=dose_e_per_m2,
            ari=adjusted_rand_index(table),
            mean_iou=mean_iou(table, many_to_one(table)),
            mean_iou_one_to_one=mean_iou(table, one_to_one(table)),
            amorphous_fraction_true=float(truth_YX.mean()),
        )
        counts_YK = id_counts_by_row(labels_YX, table.ids_K)
        self._scores.append(score)
        self._tables.append(table)
        self._rows.append((counts_YK, front_px_Y.astype(np.float32), labels_YX.shape[1]))
        return score

    def run_score(self) -> RunScore | None:
        """Return the scores of all frames so far; None when there are none."""
        if not self._scores:
            return None
        run = summed(self._tables)
        classes = many_to_one(run)
        fronts = tuple(self._front(index, classes) for index in range(len(self._scores)))
        constancy = _id_constancy(self._tables)
        kept, seen = (sum(pair[i] for pair in constancy.values()) for i in (0, 1))
        return RunScore(
            frames=len(self._scores),
            ari=_mean(score.ari for score in self._scores),
            mean_iou=_mean(score.mean_iou for score in self._scores),
            mean_iou_one_to_one=_mean(score.mean_iou_one_to_one for score in self._scores),
            mean_iou_of_ids=mean_iou(run, classes),
            front_error_median_px=float(np.median([front.error_px for front in fronts])),
            id_constancy=kept / seen,
            id_constancy_by_class={PHASES[c]: k / n for c, (k, n) in constancy.items() if n},
            class_of_id={id_: PHASES[class_] for id_, class_ in classes.items()},
            fronts=fronts,
        )

    def _front(self, index: int, classes: Mapping[int, int]) -> FrontScore:
        """Measure the front of a frame: in every row, the number of amorphous pixels.

        The amorphous side lies left, so this is the front's column where a row has one
        boundary, and a stray patch moves it by no more than its own width.
        """
        counts_YK, true_Y, columns = self._rows[index]
        score = self._scores[index]
        is_amorphous_K = [classes.get(id_) == AMORPHOUS for id_ in self._tables[index].ids_K]
        front_Y = counts_YK[:, is_amorphous_K].sum(axis=1)
        return FrontScore(
            frame=score.frame,
            dose_e_per_m2=score.dose_e_per_m2,
            amorphous_fraction=float(front_Y.mean() / columns),
            amorphous_fraction_true=score.amorphous_fraction_true,
            front_px=float(np.median(front_Y)),
            front_px_true=float(np.median(true_Y)),
            error_px=float(np.median(np.abs(front_Y - true_Y))),
        )


def truth_from_front(front_px_Y: NDArray[np.floating], columns: int) -> NDArray[np.uint8]:
    """Return the class of every pixel: amorphous where the column is less than the front."""
    return np.where(np.arange(columns) < front_px_Y[:, None], AMORPHOUS, CRYSTALLINE).astype(
        np.uint8
    )


def _id_constancy(tables: Sequence[Contingency]) -> dict[int, tuple[int, int]]:
    """Return for each class in how many frames its usual id carries it, and of how many."""
    constancy = {}
    for class_ in PHASES:
        carriers: Counter[int | None] = Counter()
        for table in tables:
            pixels = table.counts_KC[:, table.classes_C == class_].sum()
            if pixels >= PRESENT * table.counts_KC.sum():
                carriers[table.carrier(class_)] += 1
        known = {id_: frames for id_, frames in carriers.items() if id_ is not None}
        constancy[class_] = (max(known.values(), default=0), carriers.total())
    return constancy


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
