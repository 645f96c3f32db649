"""What the operations of the pipeline mean: plain NumPy, the same bits for the same input.

These functions define the operations and are the CPU path; a GPU twin is right when it agrees
with them. They stand in one file, longer than most, so that the definition is read in one place.

Shape suffixes: Y, X frame pixels; R, C rows and columns of the chip grid; N chips, row-major
over R, C; M columns of a block of similarities; H, W pixels of a resized chip; D features;
K neighbours of a chip, or communities; E directed edges.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
UInt8 = NDArray[np.uint8]
UInt16 = NDArray[np.uint16]
Bool = NDArray[np.bool_]
Array = NDArray[Any]

NEGLIGIBLE_NORM = 1e-6
"""Share of a row's own norm below which what centring leaves is rounding, not signal.

Float32 embeddings carry 6e-8 of relative rounding an element, so equal chips differ by about
that much; sixteen times more is still far below any difference between textures.
"""

# --------------------------------------------------------------------------- similarity


def unit_rows(embeddings_ND: Array, *, centred: bool) -> Float32:
    """Scale every row to length one, after subtracting the mean row where `centred`.

    Sums run in float64. A row whose norm is zero, or of which centring leaves no more than
    `NEGLIGIBLE_NORM`, becomes a zero row: it is similar to nothing, itself included.
    """
    unit_ND = np.empty(embeddings_ND.shape, np.float32)
    mean_D = (
        embeddings_ND.mean(axis=0, dtype=np.float64)
        if centred and len(embeddings_ND)
        else np.zeros(embeddings_ND.shape[1])
    )
    for first in range(0, len(unit_ND), 64):  # in float64 only as much as stays in the cache
        rows_ND = embeddings_ND[first : first + 64].astype(np.float64)
        floor_N = NEGLIGIBLE_NORM * np.sqrt(np.einsum("nd,nd->n", rows_ND, rows_ND))
        rows_ND -= mean_D
        norm_N = np.sqrt(np.einsum("nd,nd->n", rows_ND, rows_ND))
        inverse_N = np.zeros_like(norm_N)
        np.divide(1.0, norm_N, out=inverse_N, where=norm_N > floor_N)
        np.multiply(rows_ND, inverse_N[:, None], out=unit_ND[first : first + 64], casting="unsafe")
    return unit_ND


def neighbours(unit_ND: Float32, k: int, block_rows: int = 1024) -> tuple[Int32, Float32]:
    """Find the `k` most similar other rows of every row, exactly, most similar first.

    Returns indices and similarities, both `(N, min(k, N - 1))`; equal similarities are ordered
    by index, also where only some of them fit. Each pair of rows is multiplied once, so both
    see the same bits. At most `block_rows` squared similarities exist at a time.
    """
    nodes = len(unit_ND)
    k = min(k, max(nodes - 1, 0))
    starts = range(0, nodes, block_rows)
    best = [(np.empty((0, 0), np.int32), np.empty((0, 0), np.float32))] * len(starts)
    for i, first_row in enumerate(starts):
        rows_ND = unit_ND[first_row : first_row + block_rows]
        for j, first_col in enumerate(starts[i:], start=i):
            if i == j:
                block = rows_ND @ rows_ND.T
                np.fill_diagonal(block, -np.inf)
                best[i] = _keep_nearest(best[i], block, first_col, k)
            else:
                block = rows_ND @ unit_ND[first_col : first_col + block_rows].T
                best[i] = _keep_nearest(best[i], block, first_col, k)
                best[j] = _keep_nearest(best[j], np.ascontiguousarray(block.T), first_row, k)
    if not best:
        return np.empty((0, 0), np.int32), np.empty((0, 0), np.float32)
    columns_NK = np.concatenate([columns for columns, _ in best])
    values_NK = np.concatenate([values for _, values in best])
    order_NK = np.argsort(-values_NK, axis=1, kind="stable")
    return (
        np.take_along_axis(columns_NK, order_NK, axis=1),
        np.take_along_axis(values_NK, order_NK, axis=1),
    )


def _keep_nearest(
    kept: tuple[Int32, Float32], block_NM: Float32, first_col: int, k: int
) -> tuple[Int32, Float32]:
    """Merge a block of similarities into the nearest so far; columns stay in ascending order.

    Blocks reach a row in ascending order of their columns (the loop of `neighbours`), which is
    what lets a tie go to the lower index without comparing indices.
    """
    choice_NK = _largest_columns(block_NM, k)
    values_NK = np.take_along_axis(block_NM, choice_NK, axis=1)
    columns_NK = (choice_NK + first_col).astype(np.int32)
    if kept[0].shape[1] == 0:
        return columns_NK, values_NK
    columns_NK = np.concatenate([kept[0], columns_NK], axis=1)
    values_NK = np.concatenate([kept[1], values_NK], axis=1)
    choice_NK = _largest_columns(values_NK, k)
    return (
        np.take_along_axis(columns_NK, choice_NK, axis=1),
        np.take_along_axis(values_NK, choice_NK, axis=1),
    )


def _largest_columns(values_NM: Float32, k: int) -> Int64:
    """Columns of each row's `k` largest values, ascending; ties go to the lower column."""
    rows, columns = values_NM.shape
    k = min(k, columns)
    if k == 0:
        return np.empty((rows, 0), np.int64)
    pivot_N = np.partition(values_NM, columns - k, axis=1)[:, columns - k]
    keep_NM = values_NM >= pivot_N[:, None]
    tied = np.flatnonzero(np.count_nonzero(keep_NM, axis=1) > k)
    if len(tied):
        above_NM = values_NM[tied] > pivot_N[tied, None]
        level_NM = keep_NM[tied] & ~above_NM
        room_N = k - np.count_nonzero(above_NM, axis=1)
        first_NM = np.cumsum(level_NM, axis=1, dtype=np.int32) <= room_N[:, None]
        keep_NM[tied] = above_NM | (level_NM & first_NM)
    flat: Int64 = np.flatnonzero(keep_NM) % columns
    return flat.reshape(rows, k)


def symmetric_csr(neighbours_NK: Int32, similarities_NK: Float32) -> tuple[Int64, Int32, Float32]:
    """Join every row to its neighbours, both ways: offsets, neighbours and weights in CSR form.

    i and j are joined when either lists the other. The weight is their similarity (the larger
    one should the two directions differ), and pairs at or below zero are not joined. Rows are
    sorted by neighbour and both directions of an edge carry the same bits.
    """
    nodes, k = neighbours_NK.shape
    from_E = np.repeat(np.arange(nodes, dtype=np.int64), k)
    to_E = neighbours_NK.ravel().astype(np.int64)
    pair_E = np.minimum(from_E, to_E) * nodes + np.maximum(from_E, to_E)
    order_E = np.argsort(pair_E, kind="stable")
    pair_E, weight_E = pair_E[order_E], similarities_NK.ravel()[order_E]
    first = np.flatnonzero(np.diff(pair_E, prepend=-1))
    pair_E = pair_E[first]
    weight_E = np.maximum.reduceat(weight_E, first) if len(first) else weight_E
    joined = weight_E > 0
    return _both_ways(pair_E[joined], weight_E[joined], nodes)


def _both_ways(pair_E: Int64, weight_E: Float32, nodes: int) -> tuple[Int64, Int32, Float32]:
    """CSR of the undirected edges `low * nodes + high`, each stored in both directions."""
    low_E, high_E = np.divmod(pair_E, max(nodes, 1))
    directed_E = np.concatenate([pair_E, high_E * nodes + low_E])
    order_E = np.argsort(directed_E, kind="stable")
    rows_E, columns_E = np.divmod(directed_E[order_E], max(nodes, 1))
    offsets = np.zeros(nodes + 1, np.int64)
    np.cumsum(np.bincount(rows_E, minlength=nodes), out=offsets[1:])
    return offsets, columns_E.astype(np.int32), np.tile(weight_E, 2)[order_E]


def threshold_csr(
    unit_ND: Float32, threshold: float, block_rows: int = 1024
) -> tuple[Int64, Int32]:
    """Join rows whose similarity reaches `threshold`: offsets and neighbours, without weights.

    Similarities are float64 and each pair is computed once, so the graph is exactly symmetric
    and the cut falls where SciPy's `pdist` lays it (after PNNL's public code), not where the
    rounding of a float32 product does. No row is joined to itself.
    """
    nodes = len(unit_ND)
    lows: list[Int64] = []
    highs: list[Int64] = []
    for first in range(0, nodes, block_rows):
        rows_ND = unit_ND[first : first + block_rows].astype(np.float64)
        for other in range(first, nodes, block_rows):
            columns_ND = unit_ND[other : other + block_rows].astype(np.float64)
            near = rows_ND @ columns_ND.T >= threshold
            if other == first:
                near = np.triu(near, 1)
            low_E, high_E = np.nonzero(near)
            lows.append(low_E + first)
            highs.append(high_E + other)
    low_E = np.concatenate(lows) if lows else np.empty(0, np.int64)
    high_E = np.concatenate(highs) if highs else np.empty(0, np.int64)
    directed_E = np.concatenate([low_E * nodes + high_E, high_E * nodes + low_E])
    directed_E.sort()
    rows_E, columns_E = np.divmod(directed_E, max(nodes, 1))
    offsets = np.zeros(nodes + 1, np.int64)
    np.cumsum(np.bincount(rows_E, minlength=nodes), out=offsets[1:])
    return offsets, columns_E.astype(np.int32)


# --------------------------------------------------------------------------- chips


def resize_weights(length_px: int, size_px: int) -> Float32:
    """Weights `(size_px, length_px)` that resize an axis bilinearly; every row sums to one.

    Half-pixel centres, and when shrinking the triangle widens to the step between the new
    pixels (antialiasing): what torch's `interpolate(mode="bilinear", antialias=True,
    align_corners=False)` computes.
    """
    scale = length_px / size_px
    reach = max(scale, 1.0)
    centre_H = (np.arange(size_px) + 0.5) * scale
    distance_HY = np.abs(np.arange(length_px) + 0.5 - centre_H[:, None])
    weight_HY = np.maximum(0.0, 1.0 - distance_HY / reach)
    normalised_HY: Float64 = weight_HY / weight_HY.sum(axis=1, keepdims=True)
    return normalised_HY.astype(np.float32)


def chips(
    image_YX: Array,
    y0_R: Int64,
    x0_C: Int64,
    chip_px: int,
    input_px: int,
    out: Float32 | None = None,
    rows: slice = slice(None),
) -> Float32:
    """Cut a grid of square chips, row-major, and resize each to `input_px`: `(N, H, W)`.

    `rows` chooses a run of chips out of the N (a tile of a batch) and `out` takes them, so that
    a frame's chips never need to exist at once; a chip's values do not depend on its tile.
    Where the frame ends before a chip does, its edge is repeated by reflection. Chips that keep
    their size are plain copies; see `resize_weights` for the others.
    """
    missing = (
        max(0, int(y0_R[-1]) + chip_px - image_YX.shape[0]),
        max(0, int(x0_C[-1]) + chip_px - image_YX.shape[1]),
    )
    if any(missing):
        image_YX = np.pad(image_YX, ((0, missing[0]), (0, missing[1])), mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(image_YX, (chip_px, chip_px))
    chip_N = np.arange(len(y0_R) * len(x0_C))[rows]
    y_N, x_N = y0_R[chip_N // len(x0_C)], x0_C[chip_N % len(x0_C)]
    if out is None:
        out = np.empty((len(chip_N), input_px, input_px), np.float32)
    if input_px == chip_px:
        out[...] = windows[y_N, x_N]
        return out
    weights_HY = resize_weights(chip_px, input_px)
    weights_XW = np.ascontiguousarray(weights_HY.T)
    for first in range(0, len(chip_N), 32):  # what lies between the two products stays small
        tile = slice(first, first + 32)
        cut_NYX = windows[y_N[tile], x_N[tile]].astype(np.float32, copy=False)
        np.matmul(weights_HY, np.matmul(cut_NYX, weights_XW), out=out[tile])
    return out
