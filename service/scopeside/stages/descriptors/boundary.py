"""Where two communities touch in a label map, in connected pieces.

Every edge between two pixels of different communities is a step of the boundary, one pixel long.
Shape suffixes: Y, X frame pixels; E edges; P pairs of communities; C pieces; 2 is `(y, x)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scopeside.messages import Array, Int64, UInt16

Float64 = NDArray[np.float64]

CELL_PX = 8
"""Edges are gathered in cells of this side: pieces are connected where their cells touch, and a
boundary's length is that of its chords through cells, so that the steps of pixels do not count."""
MOST_PAIRS = 16
"""Pairs whose boundary is looked at, those with most edges first: a bound on what a frame of dust
may cost."""
_TOUCHING = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A connected piece of the boundary of two communities.

    `point_E2` are the middles of its edges, with pixel centres at whole numbers, and `normal_E2`
    points over each from the first community to the second. `chord_2` is the sum of the normals:
    for an open piece it is as long as the straight line between its ends and at right angles to
    it, for a closed one it is zero. `length_px` is that along the boundary.
    """

    point_E2: Float64
    normal_E2: Float64
    chord_2: Float64
    length_px: float

    @property
    def straightness(self) -> float:
        """1 for a straight line, 2 / pi for half a circle, 0 for a closed boundary."""
        return float(np.hypot(*self.chord_2)) / max(self.length_px, 1e-9)


def boundaries(
    labels_YX: UInt16, *, least_px: float
) -> Iterator[tuple[tuple[int, int], list[Piece]]]:
    """Yield pairs of communities that touch, ids ascending, and the pieces of their boundary.

    Pieces shorter than `least_px` and pairs without any other are left out, and so is what borders
    on pixels without a label.
    """
    edges = _edges(labels_YX)
    count_P = np.bincount(edges.pair_E)
    long_enough = np.flatnonzero(count_P >= least_px)
    most_first = np.argsort(-count_P[long_enough], kind="stable")[:MOST_PAIRS]
    for p in np.sort(long_enough[most_first]).tolist():
        own = np.flatnonzero(edges.pair_E == p)
        pieces = list(_pieces(edges.point_E2[own], edges.normal_E2[own], least_px=least_px))
        if pieces:
            first, second = divmod(p, len(edges.ids_K))
            yield (int(edges.ids_K[first]), int(edges.ids_K[second])), pieces


@dataclass(frozen=True, slots=True, kw_only=True)
class _Edges:
    """All edges of a label map; `pair_E` is `K` times the place in `ids_K` of the lower id, plus
    that of the higher."""

    ids_K: Int64
    pair_E: Int64
    point_E2: Float64
    normal_E2: Float64


def _edges(labels_YX: UInt16) -> _Edges:
    columns = labels_YX.shape[1]
    flat: Array = np.ascontiguousarray(labels_YX).reshape(-1)
    right = np.flatnonzero(flat[:-1] != flat[1:])
    right = right[right % columns < columns - 1]
    down = np.flatnonzero(flat[:-columns] != flat[columns:])
    place_E = np.concatenate([right, down])
    here_E, there_E = flat[place_E], flat[np.concatenate([right + 1, down + columns])]
    is_right_E = np.arange(len(place_E)) < len(right)
    if not flat.min():
        labelled = (here_E > 0) & (there_E > 0)
        place_E, is_right_E = place_E[labelled], is_right_E[labelled]
        here_E, there_E = here_E[labelled], there_E[labelled]
    step_E2 = np.stack([~is_right_E, is_right_E], axis=1).astype(np.float64)
    point_E2 = np.stack(np.divmod(place_E, columns), axis=1) + 0.5 * step_E2
    step_E2[here_E > there_E] *= -1.0
    held = np.bincount(np.concatenate([here_E, there_E])) > 0
    ids_K = np.flatnonzero(held)
    place = np.cumsum(held) - 1
    low_E, high_E = place[np.minimum(here_E, there_E)], place[np.maximum(here_E, there_E)]
    return _Edges(
        ids_K=ids_K, pair_E=low_E * len(ids_K) + high_E, point_E2=point_E2, normal_E2=step_E2
    )


def _pieces(point_E2: Float64, normal_E2: Float64, *, least_px: float) -> Iterator[Piece]:
    """Divide the boundary of one pair into connected pieces, in the order of their first cells.

    A straight piece of some length has as many edges at least: those with fewer are left out.
    """
    from scipy.ndimage import label

    cell_E2 = (point_E2 * (1.0 / CELL_PX)).astype(np.int64)
    cell_E2 -= cell_E2.min(axis=0)
    rows, columns = (cell_E2.max(axis=0) + 1).tolist()
    cell_E = cell_E2[:, 0] * columns + cell_E2[:, 1]
    y_cell, x_cell = (
        np.bincount(cell_E, weights=normal_E2[:, axis], minlength=rows * columns) for axis in (0, 1)
    )
    held = np.bincount(cell_E, minlength=rows * columns) > 0
    pieces_RC, pieces = label(held.reshape(rows, columns), structure=_TOUCHING)
    piece_cell = pieces_RC.ravel()
    piece_E = piece_cell[cell_E]
    length_C = np.bincount(piece_cell, weights=np.hypot(y_cell, x_cell), minlength=pieces + 1)
    edges_C = np.bincount(piece_E, minlength=pieces + 1)
    long_enough = (edges_C >= least_px) & (length_C >= least_px)
    for c in range(1, pieces + 1):
        if not long_enough[c]:
            continue
        own = slice(None) if pieces == 1 else piece_E == c
        yield Piece(
            point_E2=point_E2[own],
            normal_E2=normal_E2[own],
            chord_2=normal_E2[own].sum(axis=0),
            length_px=float(length_C[c]),
        )
