"""Whether embeddings keep classes apart, judged without any clustering.

Shapes: N chips; P pure chips; D embedding features; C classes; Y, X frame pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quality.encoders import embedded
from quality.sets import IGNORED, Labelled, Protocol
from scopeside.messages import Array, ChipGrid, Float32, Int64
from scopeside.ports import Embedder
from scopeside_kernels.reference import unit_rows

PURE = 0.85
"""Share of a chip's scored pixels that must be of one class for the chip to have a class."""
NEIGHBOURS = 5
MIXED = -1


def chip_classes(truth_YX: Array, grid: ChipGrid) -> Int64:
    """Return the class of every chip; MIXED where none covers `PURE` of its scored pixels.

    A chip of which less than half is scored has no class either.
    """
    classes, share_CN = chip_shares(truth_YX, grid)
    scored_N = share_CN.sum(axis=0)
    share_N = share_CN.max(axis=0) / np.maximum(scored_N, 1e-9)
    answer_N = classes[share_CN.argmax(axis=0)].astype(np.int64)
    answer_N[(share_N < PURE) | (scored_N < 0.5)] = MIXED
    return answer_N


def chip_shares(truth_YX: Array, grid: ChipGrid) -> tuple[Array, Array]:
    """Return the classes and which share of every chip's pixels each covers, `(C, N)`."""
    classes = np.setdiff1d(np.unique(truth_YX), [IGNORED])
    counts_CN = np.stack([_inside(truth_YX == class_, grid) for class_ in classes])
    return classes, counts_CN / grid.chip_px**2


def purity(embeddings_ND: Float32, truth_YX: Array, grid: ChipGrid) -> float | None:
    """Return the share of a pure chip's nearest neighbours that have its class, averaged over its
    class and then over classes; None where fewer than two classes have enough chips.

    Cosine of embeddings centred over the frame. A chip's neighbours are sought among pure chips
    that share no pixel with it: overlapping ones would be alike whatever the encoder.
    """
    class_N = chip_classes(truth_YX, grid)
    pure_P = np.flatnonzero(class_N != MIXED)
    class_P = class_N[pure_P]
    classes, chips_C = np.unique(class_P, return_counts=True)
    # So many that each has neighbours of its own class which do not overlap it.
    usable = classes[chips_C > 3 * NEIGHBOURS]
    if len(usable) < 2:
        return None
    unit_PD = unit_rows(embeddings_ND, centred=True)[pure_P]
    similarity_PP = unit_PD @ unit_PD.T
    y0_P, x0_P = grid.y0_R[pure_P // grid.cols], grid.x0_C[pure_P % grid.cols]
    near_y = np.abs(y0_P[:, None] - y0_P) < grid.chip_px
    near_x = np.abs(x0_P[:, None] - x0_P) < grid.chip_px
    similarity_PP[near_y & near_x] = -np.inf
    nearest_PK = np.argpartition(-similarity_PP, NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS]
    same_P = (class_P[nearest_PK] == class_P[:, None]).mean(axis=1)
    return float(np.mean([same_P[class_P == class_].mean() for class_ in usable]))


def mean_purity(embedder: Embedder, frames: Sequence[Labelled], protocol: Protocol) -> float | None:
    """Return the mean over the frames that have a purity; None where none has."""
    found = []
    for frame in frames:
        embeddings_ND, grid = embedded(embedder, frame.image_YX, protocol)
        found.append(purity(embeddings_ND, frame.truth_YX, grid))
    known = [value for value in found if value is not None]
    return float(np.mean(known)) if known else None


def _inside(mask_YX: Array, grid: ChipGrid) -> Int64:
    """Count the pixels of a mask in every chip, from its summed-area table."""
    table = np.zeros((mask_YX.shape[0] + 1, mask_YX.shape[1] + 1), np.int64)
    table[1:, 1:] = mask_YX.cumsum(axis=0, dtype=np.int64).cumsum(axis=1)
    y1_R = np.minimum(grid.y0_R + grid.chip_px, mask_YX.shape[0])
    x1_C = np.minimum(grid.x0_C + grid.chip_px, mask_YX.shape[1])
    counts_RC = (
        table[np.ix_(y1_R, x1_C)]
        - table[np.ix_(grid.y0_R, x1_C)]
        - table[np.ix_(y1_R, grid.x0_C)]
        + table[np.ix_(grid.y0_R, grid.x0_C)]
    )
    return np.asarray(counts_RC.ravel())
