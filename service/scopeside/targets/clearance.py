"""Exact Euclidean distances to whatever is not the community, at the places that matter.

The squared distance of a pixel to the nearest other one is the least, over all columns, of the
squared way to that column plus the squared distance along it (the second of the two passes of
Felzenszwalb and Huttenlocher, "Distance transforms of sampled functions", 2012). Along columns it
is known for every pixel (`Territory.down_HW`); the minimum is taken only where it is asked.
"""

from __future__ import annotations

import math

import numpy as np

from scopeside.targets.territory import Array, Bools, Int64, Territory

BLOCK = 256
"""Pixels measured at once: their columns stay in a core's cache."""
CELLS = 1024
"""About so many cells a region is first divided into."""
DIVIDE = 4
"""Sides into which a cell is divided when it may hold something better."""


def clearance_squared(territory: Territory, y_M: Int64, x_M: Int64, x0: int, x1: int) -> Int64:
    """Return the squared clearance of pixels of the community, given in its box.

    `[x0, x1)` are the columns of the pixels' regions. No column beyond the ones next to these can
    hold the nearest other pixel: in each row something else is nearer.
    """
    columns = slice(x0 - 1, x1 + 1)
    column_C = np.arange(x0 - 1, x1 + 1, dtype=np.int32)
    found_M = np.empty(len(y_M), np.int64)
    for start in range(0, len(y_M), BLOCK):
        block = slice(start, start + BLOCK)
        down_BC = territory.down_HW[y_M[block], columns]
        away_BC = column_C - x_M[block, None].astype(np.int32)
        found_M[block] = (down_BC * down_BC + away_BC * away_BC).min(axis=1)
    return found_M


class Peaks:
    """Finds the pixel of a region with the largest clearance, among those allowed.

    Clearance changes by no more than the way walked, so a cell of pixels whose middle lies too
    close to the rim is never looked into: branch and bound, exact to the pixel. What was measured
    is kept for the next question.
    """

    def __init__(self, territory: Territory) -> None:
        self._territory = territory
        self._known_HW = np.full(territory.inside_HW.shape, -1, np.int32)

    def bounds_K(self) -> Array:
        """Return what no clearance in each region exceeds, at no cost.

        A disc of radius r holds pixels of the region only: at least pi (r - sqrt(1/2))**2 of them.
        """
        areas_K, boxes_K4 = self._territory.areas_K, self._territory.boxes_K4
        by_area_K = np.sqrt(areas_K / math.pi) + math.sqrt(0.5)
        by_box_K = (boxes_K4[:, 2:] - boxes_K4[:, :2] + 1).min(axis=1) / 2
        bounds_K: Array = np.minimum(by_area_K, by_box_K)
        return bounds_K

    def best(self, region: int, taken_T2: Array, away_px: float) -> tuple[float, int, int] | None:
        """Return `(clearance, y, x)` of the best pixel in the box, None where none is allowed.

        Allowed is what lies at least `away_px` from every point taken, given in the box too. The
        first in reading order wins among equals that were looked at.
        """
        y0, x0, y1, x1 = self._territory.boxes_K4[region].tolist()
        side = _first_side(y1 - y0, x1 - x0)
        best: tuple[int, int, int] | None = None
        cell_y_M, cell_x_M = _corners(np.array([y0]), np.array([x0]), y1 - y0, x1 - x0, side)
        while True:
            y_M, x_M = cell_y_M + side // 2, cell_x_M + side // 2
            inside_M = (y_M < y1) & (x_M < x1)
            inside_M[inside_M] = (
                self._territory.region_HW[y_M[inside_M], x_M[inside_M]] == region + 1
            )
            squared_M = np.zeros(len(y_M), np.int64)
            squared_M[inside_M] = self._measured(y_M[inside_M], x_M[inside_M], x0, x1)
            away_M = _nearest(taken_T2, y_M, x_M)
            best = _better(best, squared_M, y_M, x_M, inside_M & (away_M >= away_px))
            if side == 1:
                return None if best is None else (math.sqrt(best[0]), best[1], best[2])
            reach = math.hypot(side // 2, side // 2)
            least = 0.0 if best is None else math.sqrt(best[0])
            open_M = (np.sqrt(squared_M) + reach > least) & (away_M + reach >= away_px)
            smaller = max(1, side // DIVIDE)
            cell_y_M, cell_x_M = _corners(cell_y_M[open_M], cell_x_M[open_M], side, side, smaller)
            side = smaller

    def _measured(self, y_M: Int64, x_M: Int64, x0: int, x1: int) -> Array:
        known_M: Array = self._known_HW[y_M, x_M]
        new_M = known_M < 0
        known_M[new_M] = clearance_squared(self._territory, y_M[new_M], x_M[new_M], x0, x1)
        self._known_HW[y_M, x_M] = known_M
        return known_M


def _first_side(height: int, width: int) -> int:
    """Return the side, a power of two, of about CELLS cells over a box."""
    wanted = math.sqrt(height * width / CELLS)
    side: int = 2 ** max(0, math.ceil(math.log2(max(wanted, 1.0))))
    return side


def _corners(y_M: Int64, x_M: Int64, height: int, width: int, side: int) -> tuple[Int64, Int64]:
    """Return the corners of the cells of `side` within each box of `height` and `width`."""
    y_C = y_M[:, None, None] + np.arange(0, height, side)[None, :, None]
    x_C = x_M[:, None, None] + np.arange(0, width, side)[None, None, :]
    y_C, x_C = np.broadcast_arrays(y_C, x_C)
    return y_C.ravel(), x_C.ravel()


def _nearest(taken_T2: Array, y_M: Int64, x_M: Int64) -> Array:
    """Return the distance of each pixel to the nearest point taken; infinite without any."""
    nearest_M = np.full(len(y_M), np.inf)
    for y_px, x_px in taken_T2:
        np.minimum(nearest_M, np.hypot(y_M - y_px, x_M - x_px), out=nearest_M)
    return nearest_M


def _better(
    best: tuple[int, int, int] | None, squared_M: Int64, y_M: Int64, x_M: Int64, allowed_M: Bools
) -> tuple[int, int, int] | None:
    at = np.flatnonzero(allowed_M)
    if len(at) == 0:
        return best
    first = at[np.lexsort((x_M[at], y_M[at], -squared_M[at]))[0]]
    found = int(squared_M[first]), int(y_M[first]), int(x_M[first])
    return found if best is None or found[0] > best[0] else best
