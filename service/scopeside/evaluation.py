"""How well a label map agrees with a truth: the scores, from a table of pixel counts.

Communities have no class names, so a score first matches them to the classes of the truth.
Label 0 (no label) is never matched: its pixels count as wrong.

Shapes: Y, X frame pixels; K label ids; C classes of the truth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scopeside.messages import Array, Int64


@dataclass(frozen=True, slots=True, kw_only=True)
class Contingency:
    """Pixels by label id and class: `counts_KC[k, c]` pixels have `ids_K[k]` and `classes_C[c]`."""

    ids_K: Int64
    classes_C: Int64
    counts_KC: Int64

    def carrier(self, class_: int) -> int | None:
        """Return the id that covers most of a class (the lower one of equals); None if none."""
        column = np.flatnonzero(self.classes_C == class_)
        counts_K = self.counts_KC[:, column].sum(axis=1) * (self.ids_K != 0)
        return int(self.ids_K[counts_K.argmax()]) if counts_K.any() else None


def contingency(labels_YX: Array, truth_YX: Array) -> Contingency:
    """Count the pixels of every pair of label and class."""
    ids_K, row = np.unique(labels_YX, return_inverse=True)
    classes_C, column = np.unique(truth_YX, return_inverse=True)
    shape = len(ids_K), len(classes_C)
    pairs = row.ravel() * shape[1] + column.ravel()
    counts_KC = np.bincount(pairs, minlength=shape[0] * shape[1]).reshape(shape)
    return Contingency(
        ids_K=ids_K.astype(np.int64),
        classes_C=classes_C.astype(np.int64),
        counts_KC=counts_KC.astype(np.int64),
    )


def adjusted_rand_index(table: Contingency) -> float:
    """Return the chance-corrected agreement of two partitions, 1 where they are the same.

    Hubert & Arabie, "Comparing partitions", 1985, equation 5. Two partitions that are both
    trivial in the same way agree completely.
    """
    counts_KC = table.counts_KC.astype(np.float64)
    pixels = counts_KC.sum()
    together = _pairs(counts_KC).sum()
    in_labels, in_truth = _pairs(counts_KC.sum(axis=1)).sum(), _pairs(counts_KC.sum(axis=0)).sum()
    expected = in_labels * in_truth / max(float(_pairs(pixels)), 1.0)
    most = 0.5 * (in_labels + in_truth)
    return 1.0 if most == expected else float((together - expected) / (most - expected))


def many_to_one(table: Contingency) -> dict[int, int]:
    """Return for every label id the class it overlaps most (the lower one of equals)."""
    winners_K = table.classes_C[table.counts_KC.argmax(axis=1)]
    pairs = zip(table.ids_K.tolist(), winners_K.tolist(), strict=True)
    return {id_: class_ for id_, class_ in pairs if id_ != 0}


def one_to_one(table: Contingency) -> dict[int, int]:
    """Return the pairing of ids with classes, each used once, with the greatest overlap.

    Kuhn, "The Hungarian method", 1955, through SciPy; ids left over match nothing.
    """
    from scipy.optimize import linear_sum_assignment

    counts_KC = table.counts_KC * (table.ids_K != 0)[:, None]
    rows, columns = linear_sum_assignment(counts_KC, maximize=True)
    return {
        int(table.ids_K[row]): int(table.classes_C[column])
        for row, column in zip(rows, columns, strict=True)
        if table.ids_K[row] != 0
    }


def class_iou(table: Contingency, classes: Mapping[int, int]) -> dict[int, float]:
    """Return intersection over union of every class of the truth, ids mapped by `classes`."""
    overlap, union = _overlap_and_union(table, classes)
    return {class_: overlap[class_] / union[class_] for class_ in overlap}


def mean_iou(table: Contingency, classes: Mapping[int, int]) -> float:
    """Return the mean over the truth's classes of intersection over union."""
    return float(np.mean(list(class_iou(table, classes).values())))


def id_counts_by_row(labels_YX: Array, ids_K: Int64) -> Int64:
    """Return `(Y, K)`: how many pixels of each row carry each of `ids_K` (sorted, complete)."""
    index_YX = np.searchsorted(ids_K, labels_YX)
    rows = labels_YX.shape[0]
    cells_YX = index_YX + len(ids_K) * np.arange(rows)[:, None]
    counts = np.bincount(cells_YX.ravel(), minlength=rows * len(ids_K))
    return counts.reshape(rows, len(ids_K)).astype(np.int64)


def summed(tables: Sequence[Contingency]) -> Contingency:
    """Return the pixel counts of several frames together."""
    ids_K = np.unique(np.concatenate([table.ids_K for table in tables]))
    classes_C = np.unique(np.concatenate([table.classes_C for table in tables]))
    counts_KC = np.zeros((len(ids_K), len(classes_C)), dtype=np.int64)
    for table in tables:
        rows = np.searchsorted(ids_K, table.ids_K)
        columns = np.searchsorted(classes_C, table.classes_C)
        counts_KC[np.ix_(rows, columns)] += table.counts_KC
    return Contingency(ids_K=ids_K, classes_C=classes_C, counts_KC=counts_KC)


def _pairs(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(0.5 * counts * (counts - 1.0))


def _overlap_and_union(
    table: Contingency, classes: Mapping[int, int]
) -> tuple[dict[int, int], dict[int, int]]:
    mapped_K = np.array([classes.get(id_, -1) for id_ in table.ids_K.tolist()], dtype=np.int64)
    overlap, union = {}, {}
    for column, class_ in enumerate(table.classes_C.tolist()):
        inside = table.counts_KC[mapped_K == class_]
        overlap[class_] = int(inside[:, column].sum())
        truth = int(table.counts_KC[:, column].sum())
        union[class_] = truth + int(inside.sum()) - overlap[class_]
    return overlap, union
