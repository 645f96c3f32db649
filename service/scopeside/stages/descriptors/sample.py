"""Which chips speak for a community: a few that lie in it, spread over it, the same every time.

Shape suffixes: R, C rows and columns of the chip grid; N chips, row-major over R, C; M chosen
chips; Y, X frame pixels; H, W pixels of a chosen chip.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from scopeside.messages import Array, ChipGrid, Identified, Int64, LabelMap, UInt16

PURE_SHARE = 0.75
"""Least share of a chip's pixels that must wear its community's label for it to speak for it."""
FULL_COMMUNITIES = 8
"""Communities of which each has as many chips as it may; more of them share as many in all, so that
a frame of dust takes no longer."""
LARGEST_PX = 128
"""Largest side that is looked at, the middle of larger chips: what a spectrum costs grows with it,
and 128 pixels hold the periods that a chip of any size is chosen for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The chosen chips: whose they are (a place in `ids_K`), and their first pixels.

    Sorted by community; `ids_K` are the ids of those that have a chip. All are `side_px` square.
    """

    ids_K: UInt16
    owner_M: Int64
    y0_M: Int64
    x0_M: Int64
    side_px: int

    def __len__(self) -> int:
        return len(self.owner_M)

    @property
    def communities(self) -> int:
        return len(self.ids_K)

    def sums(self, values_M: Array) -> Array:
        """Return the sum of each community's chips, `(K, ...)`.

        Not by a product of matrices: waking BLAS's threads would take longer than the sums.
        """
        first_K = np.flatnonzero(np.diff(self.owner_M, prepend=-1))
        sums_K: Array = np.add.reduceat(values_M, first_K, axis=0)
        return sums_K

    def cut(self, image_YX: Array) -> Array:
        """Return `(M, H, W)`: the pixels of the chosen chips, a copy."""
        windows = sliding_window_view(image_YX, (self.side_px, self.side_px))
        chips_MHW: Array = windows[self.y0_M, self.x0_M]
        return chips_MHW


def chosen(identified: Identified, label_map: LabelMap, grid: ChipGrid, *, most: int) -> Sample:
    """Choose at most `most` chips of each community, and `FULL_COMMUNITIES` times as many in all.

    First come chips that are surrounded by their own kind, evenly spread over the rows of the
    grid; where these are few, chips on borders. Those of which less than `PURE_SHARE` is labelled
    as their own are left out, so a community may have none. Of more communities than there are
    chips to choose the largest have one.
    """
    ids_N = identified.ids_N
    room = most * FULL_COMMUNITIES
    sizes_K = np.array([identity.chips for identity in identified.identities])
    largest_K = np.sort(np.argsort(-sizes_K, kind="stable")[:room])
    most = min(most, max(1, room // len(sizes_K)))
    inner_N = _surrounded(ids_N.reshape(grid.rows, grid.cols), grid.overlap_reach).ravel()
    taken = []
    for k in largest_K.tolist():
        own_N = ids_N == identified.identities[k].id
        inner = _spread(np.flatnonzero(own_N & inner_N), most)
        outer = _spread(np.flatnonzero(own_N & ~inner_N), most - len(inner))
        taken.append(np.sort(np.concatenate([inner, outer])))
    chips_M = np.concatenate(taken)
    own_MHW = _placed(chips_M, ids_N, grid).cut(label_map.labels_YX) == ids_N[chips_M, None, None]
    pure_M = np.count_nonzero(own_MHW, axis=(1, 2)) >= PURE_SHARE * own_MHW[0].size
    return _placed(chips_M[pure_M], ids_N, grid)


def side_of(grid: ChipGrid) -> int:
    """Return the side that is looked at of every chip: even, and quick to transform."""
    longest_px = min(grid.chip_px, LARGEST_PX, *grid.shape)
    sides = (2 * 2**a * 3**b * 5**c for a in range(7) for b in range(4) for c in range(3))
    return max((side for side in sides if side <= longest_px), default=longest_px)


def _placed(chips_M: Int64, ids_N: UInt16, grid: ChipGrid) -> Sample:
    side_px = side_of(grid)
    row_M, col_M = np.divmod(chips_M, grid.cols)
    ids_K, owner_M = np.unique(ids_N[chips_M], return_inverse=True)
    # The middle of a chip; one that reaches past the frame is moved back into it.
    inset_px = (grid.chip_px - side_px) // 2
    return Sample(
        ids_K=ids_K,
        owner_M=owner_M.astype(np.int64),
        y0_M=np.clip(grid.y0_R[row_M] + inset_px, 0, grid.shape[0] - side_px),
        x0_M=np.clip(grid.x0_C[col_M] + inset_px, 0, grid.shape[1] - side_px),
        side_px=side_px,
    )


def _surrounded(ids_RC: Array, reach: int) -> NDArray[np.bool_]:
    """Return which chips have no other id within `reach`."""
    from scipy.ndimage import maximum_filter, minimum_filter

    size = 2 * reach + 1
    alike_RC: NDArray[np.bool_] = minimum_filter(ids_RC, size) == maximum_filter(ids_RC, size)
    return alike_RC


def _spread(chips: Int64, most: int) -> Int64:
    """Return `most` of the chips, evenly spaced in their order, or all."""
    if len(chips) <= most:
        return chips
    return chips[((np.arange(most) + 0.5) * len(chips) / most).astype(np.int64)]
