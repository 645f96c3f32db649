"""Where one community lies: its pixels, its connected regions and how far they reach.

Runs are maximal rows of neighbouring pixels. Shape suffixes: Y, X pixels of the frame; H, W of the
community's bounding box with a margin of one pixel that belongs to nobody; N the community's
pixels, row by row; R runs; K regions; E pairs of runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Bools = NDArray[np.bool_]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]


@dataclass(frozen=True)
class Territory:
    """The pixels `inside_HW` of a community; `(y0, x0)` of the frame is `[0, 0]` of the box."""

    inside_HW: Bools
    y0: int
    x0: int
    frame_shape: tuple[int, int]

    @cached_property
    def flat_N(self) -> Int64:
        """Places of the pixels in the flattened box."""
        return np.flatnonzero(self.inside_HW)

    @cached_property
    def y_N(self) -> Int64:
        """Rows of the pixels in the box."""
        y_N: Int64 = self.flat_N // self.inside_HW.shape[1]
        return y_N

    @cached_property
    def x_N(self) -> Int64:
        """Columns of the pixels in the box."""
        x_N: Int64 = self.flat_N % self.inside_HW.shape[1]
        return x_N

    @cached_property
    def _runs(self) -> tuple[Int64, Int64]:
        """Where runs begin and end (exclusive) in the flattened box; the margin parts rows."""
        edges = np.flatnonzero(np.diff(self.inside_HW.ravel().view(np.int8)))
        return edges[0::2] + 1, edges[1::2] + 1

    @cached_property
    def region_R(self) -> Int64:
        """The region of each run, from 0 in the order of the regions' first pixels."""
        starts_R, ends_R = self._runs
        width = self.inside_HW.shape[1]
        first_R = np.searchsorted(ends_R, starts_R + width, side="right")
        last_R = np.searchsorted(starts_R, ends_R + width, side="left")
        below_R = np.maximum(last_R - first_R, 0)
        upper_E = np.repeat(np.arange(len(starts_R)), below_R)
        within_E = np.arange(len(upper_E)) - np.repeat(np.cumsum(below_R) - below_R, below_R)
        root_R = _joined(len(starts_R), upper_E, first_R[upper_E] + within_E)
        return np.unique(root_R, return_inverse=True)[1].astype(np.int64)

    @cached_property
    def regions(self) -> int:
        """How many connected regions there are."""
        return int(self.region_R.max()) + 1

    @cached_property
    def region_N(self) -> Int64:
        """The region of each pixel, from 0."""
        starts_R, ends_R = self._runs
        return np.repeat(self.region_R, ends_R - starts_R)

    @cached_property
    def areas_K(self) -> Int64:
        """Pixels of each region."""
        areas_K: Int64 = np.bincount(self.region_N, minlength=self.regions)
        return areas_K

    @cached_property
    def boxes_K4(self) -> Int64:
        """`[y0, x0, y1, x1)` of each region in the box."""
        starts_R, ends_R = self._runs
        width = self.inside_HW.shape[1]
        y_R, x0_R, x1_R = starts_R // width, starts_R % width, (ends_R - 1) % width + 1
        boxes_K4 = np.empty((self.regions, 4), np.int64)
        boxes_K4[:, :2], boxes_K4[:, 2:] = np.iinfo(np.int64).max, 0
        np.minimum.at(boxes_K4[:, 0], self.region_R, y_R)
        np.minimum.at(boxes_K4[:, 1], self.region_R, x0_R)
        np.maximum.at(boxes_K4[:, 2], self.region_R, y_R + 1)
        np.maximum.at(boxes_K4[:, 3], self.region_R, x1_R)
        return boxes_K4

    @cached_property
    def region_HW(self) -> Int32:
        """The region of each pixel of the box from 1, and 0 where there is none."""
        region_HW = np.zeros(self.inside_HW.shape, np.int32)
        region_HW.ravel()[self.flat_N] = self.region_N + 1
        return region_HW

    @cached_property
    def down_HW(self) -> Int32:
        """The distance along the column to the nearest pixel that is not the community's."""
        row_H1 = np.arange(self.inside_HW.shape[0], dtype=np.int32)[:, None]
        before_HW = np.maximum.accumulate(np.where(self.inside_HW, np.int32(0), row_H1), axis=0)
        last = row_H1[-1]
        after_HW = np.minimum.accumulate(np.where(self.inside_HW, last, row_H1)[::-1], axis=0)[::-1]
        down_HW: Int32 = np.minimum(row_H1 - before_HW, after_HW - row_H1)
        return down_HW

    @cached_property
    def depth_N(self) -> Int64:
        """The distance along row and column to the nearest other pixel: never below the clearance.

        Cheap, and enough to tell the middle of a region from its rim.
        """
        starts_R, ends_R = self._runs
        lengths_R = ends_R - starts_R
        left_N = self.flat_N - np.repeat(starts_R, lengths_R) + 1
        right_N = np.repeat(ends_R, lengths_R) - self.flat_N
        across_N = np.minimum(left_N, right_N)
        depth_N: Int64 = np.minimum(across_N, self.down_HW.ravel()[self.flat_N])
        return depth_N


def territory(labels_YX: Array, community: int) -> Territory | None:
    """Return where a community lies; None where it has no pixel."""
    here_YX = np.asarray(labels_YX) == community
    rows, columns = np.flatnonzero(here_YX.any(axis=1)), np.flatnonzero(here_YX.any(axis=0))
    if len(rows) == 0:
        return None
    (top, bottom), (left, right) = (rows[0], rows[-1] + 1), (columns[0], columns[-1] + 1)
    inside_HW = np.zeros((bottom - top + 2, right - left + 2), np.bool_)
    inside_HW[1:-1, 1:-1] = here_YX[top:bottom, left:right]
    ny, nx = here_YX.shape
    return Territory(inside_HW, int(top) - 1, int(left) - 1, (ny, nx))


def _joined(nodes: int, one_E: Int64, other_E: Int64) -> Int64:
    """Return for each node the lowest node that edges connect it with.

    Each round hooks every root that has a lower neighbour, then shortens all paths to nothing.
    """
    root_R = np.arange(nodes)
    while True:
        a_E, b_E = root_R[one_E], root_R[other_E]
        apart = a_E != b_E
        if not apart.any():
            return root_R
        one_E, other_E = one_E[apart], other_E[apart]
        a_E, b_E = a_E[apart], b_E[apart]
        np.minimum.at(root_R, np.maximum(a_E, b_E), np.minimum(a_E, b_E))
        while True:
            further_R = root_R[root_R]
            if np.array_equal(further_R, root_R):
                break
            root_R = further_R
