"""What the operations of the pipeline mean: plain NumPy, the same bits for the same input.

These functions define the operations and are the CPU path; a GPU twin is right when it agrees
with them. They stand in one file, longer than most, so that the definition is read in one place.

Shape suffixes: Y, X frame pixels; R, C rows and columns of the chip grid; N chips, row-major
over R, C; M columns of a block of similarities; H, W pixels of a resized chip; D features;
K neighbours of a chip, or communities; E directed edges.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

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

# --------------------------------------------------------------------------- contrast


@dataclass(frozen=True, slots=True, kw_only=True)
class ContrastWindow:
    """The raw values that become black and white, and what is wrong with the frame.

    `flat` says that the two are equal or that no pixel is finite (both are then zero).
    """

    low: float
    high: float
    nonfinite_px: int
    saturated_fraction: float
    flat: bool


def contrast_window(
    values_YX: Array, low_percentile: float, high_percentile: float
) -> ContrastWindow:
    """Find two percentiles of the finite pixels, exactly, for every dtype of the wire contract.

    Percentile p of n values is the one at rank `ceil(p / 100 * n)`, at least 1, in ascending
    order (the inverted distribution): always a value that occurs.
    """
    values = _native(values_YX).reshape(-1)
    saturated = saturated_fraction(values)
    nonfinite_px = 0
    if values.dtype.kind == "f":
        finite = np.isfinite(values)
        nonfinite_px = values.size - int(np.count_nonzero(finite))
        values = values if nonfinite_px == 0 else values[finite]
    low, high = 0.0, 0.0
    if values.size:
        ranks = (_rank(low_percentile, values.size), _rank(high_percentile, values.size))
        low, high = _at_ranks(values, ranks)
    return ContrastWindow(
        low=low,
        high=high,
        nonfinite_px=nonfinite_px,
        saturated_fraction=saturated,
        flat=low == high,
    )


def saturated_fraction(values_YX: Array) -> float:
    """Share of the pixels at the largest value of an integer dtype; 0 for floats.

    Floats have no such ceiling, and a camera of fewer bits than its dtype stays below it.
    """
    if values_YX.dtype.kind == "f":
        return 0.0
    ceiling = np.iinfo(values_YX.dtype).max
    return int(np.count_nonzero(values_YX == ceiling)) / max(values_YX.size, 1)


def normalise(values_YX: Array, low: float, high: float) -> Float32:
    """Map `low` to 0 and `high` to 1 and clip: float32, C order, finite everywhere.

    Pixels that are not finite become 0, as do all pixels when `high` is not above `low`. The
    clip comes first, so unsigned values do not wrap and large ones do not overflow. What float32
    cannot tell apart (4-byte integers, doubles, spans beyond it) is computed in float64.
    """
    if not high > low:
        return np.zeros(values_YX.shape, np.float32)
    values = _native(values_YX)
    narrow = values.dtype.itemsize <= 2 or values.dtype == np.float32
    moderate = max(abs(low), abs(high)) < 1e30
    work = np.float32 if narrow and moderate and np.float32(low) < np.float32(high) else np.float64
    # Half of every value, where the span of two doubles is itself beyond a double.
    factor = work(1.0 if math.isfinite(high - low) else 0.5)
    bottom, top = work(low) * factor, work(high) * factor
    scaled: Array = values.astype(work)
    np.clip(scaled, work(low), work(high), out=scaled)
    np.subtract(np.multiply(scaled, factor, out=scaled), bottom, out=scaled)
    np.divide(scaled, top - bottom, out=scaled)
    if values.dtype.kind == "f":
        finite = np.isfinite(values)
        if not finite.all():
            scaled[~finite] = 0
    return scaled.astype(np.float32, copy=False)


def _native(values_YX: Array) -> Array:
    """The same values in this machine's byte order, contiguous; a view where they already are."""
    return np.ascontiguousarray(values_YX, dtype=values_YX.dtype.newbyteorder("="))


def _rank(percentile: float, count: int) -> int:
    """Zero-based place of a percentile; exact on the decimal as it was written."""
    return max(1, math.ceil(Fraction(str(percentile)) * count / 100)) - 1


def _at_ranks(values: Array, ranks: tuple[int, int]) -> tuple[float, float]:
    """Values at two places of the sorted order; `values` is native and finite."""
    if values.dtype.kind == "f" or values.dtype.itemsize > 2:
        if values.dtype == np.float16:  # NumPy selects halves slowly; float32 holds them exactly
            values = values.astype(np.float32)
        ordered = np.partition(values, ranks)
        return float(ordered[ranks[0]]), float(ordered[ranks[1]])
    floor = np.iinfo(values.dtype).min
    unsigned = values.view(f"u{values.dtype.itemsize}")
    counts = np.bincount(unsigned, minlength=1 << (8 * values.dtype.itemsize))
    below = np.cumsum(np.roll(counts, floor))  # two's complement keeps the negatives at the end
    low, high = np.searchsorted(below, ranks, side="right")
    return float(low + floor), float(high + floor)


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
    mean_norm = math.sqrt(float(mean_D @ mean_D))
    work_ND = np.empty((min(64, len(unit_ND)), embeddings_ND.shape[1]))
    for first in range(0, len(unit_ND), 64):  # in float64 only as much as stays in the cache
        tile = slice(first, first + 64)
        rows_ND = work_ND[: len(unit_ND[tile])]
        np.subtract(embeddings_ND[tile], mean_D, out=rows_ND)
        norm_N = _norms(rows_ND)
        # A row's own norm is at most this, so few rows come close enough to be measured.
        if (norm_N <= NEGLIGIBLE_NORM * (norm_N + mean_norm)).any():
            norm_N[norm_N <= NEGLIGIBLE_NORM * _norms(embeddings_ND[tile].astype(np.float64))] = 0
        inverse_N = np.divide(1.0, norm_N, out=np.zeros_like(norm_N), where=norm_N > 0)
        np.multiply(rows_ND, inverse_N[:, None], out=rows_ND)
        unit_ND[tile] = rows_ND
    return unit_ND


def _norms(rows_ND: Float64) -> Float64:
    """Length of every row; a product of vectors is several times faster than `einsum` here."""
    squared_N: Float64 = np.matmul(rows_ND[:, None, :], rows_ND[:, :, None])[:, 0, 0]
    return np.sqrt(squared_N)


def neighbours(unit_ND: Float32, k: int, block_rows: int = 1024) -> tuple[Int32, Float32]:
    """Find the `k` most similar other rows of every row, exactly, most similar first.

    Returns indices and similarities, both `(N, min(k, N - 1))`; equal similarities are ordered
    by index, also where only some of them fit. Each pair of rows is multiplied once, so both
    see the same bits. At most `block_rows` squared similarities exist at a time.
    """
    nodes = len(unit_ND)
    k = min(k, nodes - 1)
    if k < 1:
        return np.empty((nodes, 0), np.int32), np.empty((nodes, 0), np.float32)
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
    """Columns of each row's `k` largest values, ascending; ties go to the lower column.

    Long rows are sieved first: the k-th largest of the maxima of disjoint groups is a floor
    under the k-th largest value, and few values reach it. That is several times faster than
    selecting from whole rows, and the answer is the same.
    """
    columns = values_NM.shape[1]
    groups = columns // 16
    if groups < 2 * k:
        return _select_columns(values_NM, k)
    # A group takes every `groups`-th column, so that neighbouring chips, which are alike, and
    # with them the largest values, fall into different groups.
    maxima_NG = values_NM[:, : 16 * groups].reshape(-1, 16, groups).max(axis=1)
    floor_N = np.partition(maxima_NG, groups - k, axis=1)[:, groups - k]
    reach_NM = values_NM >= floor_N[:, None]
    count_N = np.count_nonzero(reach_NM, axis=1)
    most = int(count_N.max())
    if most > columns // 4:
        return _select_columns(values_NM, k)
    filled_NM = np.arange(most) < count_N[:, None]
    columns_NM = np.zeros(filled_NM.shape, np.int64)
    columns_NM[filled_NM] = np.flatnonzero(reach_NM) % columns
    left_NM = np.where(filled_NM, np.take_along_axis(values_NM, columns_NM, axis=1), -np.inf)
    return np.take_along_axis(columns_NM, _select_columns(left_NM, k), axis=1)


def _select_columns(values_NM: Float32, k: int) -> Int64:
    """`_largest_columns` by selection from whole rows."""
    rows, columns = values_NM.shape
    k = min(k, columns)
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


# --------------------------------------------------------------------------- label map

Window = Literal["triangle", "uniform"]

BALLOTS = 64
"""Votes of a chip, which it may divide between two ids; the weight of a place multiplies them."""

_ABSENT = 1 << 16
"""Sorts behind every uint16 id: fills up the places of a cell that has fewer ids than chips."""

_VOTES_AT_ONCE = 1 << 16
"""Votes held at a time: 256 KiB of float32 stay in the cache, however many cells are contested."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisPlan:
    """One axis of the frame, cut wherever a chip begins or ends.

    Within an interval the same chips cover every pixel. `kind` groups intervals of equal length
    whose chips lie alike; for each kind, `weights[kind]` is `(chips, pixels)`.
    """

    interval_X: Int64
    start_I: Int64
    first_chip_I: Int64
    last_chip_I: Int64
    kind_I: Int64
    weights: tuple[Float64, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaintPlan:
    """What painting needs to know of a chip grid; made once for a frame shape."""

    shape: tuple[int, int]
    chips: tuple[int, int]
    y: AxisPlan
    x: AxisPlan


def plan_paint(
    y0_R: Int64,
    x0_C: Int64,
    chip_px: int,
    shape: tuple[int, int],
    *,
    window: Window = "triangle",
) -> PaintPlan:
    """Prepare `paint_plan` for chips at these origins, which must cover the frame."""
    return PaintPlan(
        shape=shape,
        chips=(len(y0_R), len(x0_C)),
        y=_plan_axis(y0_R, chip_px, shape[0], window),
        x=_plan_axis(x0_C, chip_px, shape[1], window),
    )


def _plan_axis(origins: Int64, chip_px: int, length_px: int, window: Window) -> AxisPlan:
    ends = np.minimum(origins + chip_px, length_px)
    cuts = np.unique(np.concatenate([origins, ends, [0, length_px]]))
    start_I, length_I = cuts[:-1], np.diff(cuts)
    first_I = np.searchsorted(ends, start_I, side="right")
    last_I = np.searchsorted(origins, start_I, side="right") - 1
    u = np.arange(chip_px)
    weight_U = np.minimum(2 * u + 1, 2 * chip_px - 2 * u - 1) if window == "triangle" else u * 0 + 1
    kinds: dict[tuple[int, ...], int] = {}
    kind_I = np.empty(len(start_I), np.int64)
    weights: list[Float64] = []
    for i, (start, length) in enumerate(zip(start_I.tolist(), length_I.tolist(), strict=True)):
        places = start - origins[first_I[i] : last_I[i] + 1]
        key = (length, *places.tolist())
        if key not in kinds:
            kinds[key] = len(kinds)
            weights.append(weight_U[places[:, None] + np.arange(length)].astype(np.float64))
        kind_I[i] = kinds[key]
    return AxisPlan(
        interval_X=np.repeat(np.arange(len(start_I)), length_I),
        start_I=start_I,
        first_chip_I=first_I,
        last_chip_I=last_I,
        kind_I=kind_I,
        weights=tuple(weights),
    )


def paint(
    ids_N: UInt16,
    y0_R: Int64,
    x0_C: Int64,
    chip_px: int,
    shape: tuple[int, int],
    *,
    window: Window = "triangle",
    second_N: UInt16 | None = None,
    ballots_N: UInt8 | None = None,
) -> tuple[UInt16, UInt8]:
    """Let overlapping chips vote for the label of every pixel; see `paint_plan`."""
    plan = plan_paint(y0_R, x0_C, chip_px, shape, window=window)
    return paint_plan(ids_N, plan, second_N=second_N, ballots_N=ballots_N)


def paint_plan(
    ids_N: UInt16,
    plan: PaintPlan,
    *,
    second_N: UInt16 | None = None,
    ballots_N: UInt8 | None = None,
) -> tuple[UInt16, UInt8]:
    """Return every pixel's label and the share of the votes for it, as 0 to 255.

    Each chip votes for its id on its pixels with weight `w(v) w(u)` at row v and column u of a
    chip of c pixels: `w(u) = min(2u + 1, 2c - 2u - 1)` for the triangle window, which trusts the
    middle of a chip over its rim, and 1 for the uniform one. A chip that shows two materials casts
    `ballots_N` of its `BALLOTS` votes for its id and the rest for `second_N`; without them all are
    its id's. Votes are integers; most votes win, ties go to the lower id, and the share is rounded
    half up: `(510 * votes + total) // (2 * total)`.
    """
    ids_RC = ids_N.reshape(plan.chips)
    second_RC, ballots_RC = ids_RC, np.full(plan.chips, BALLOTS, np.uint8)
    if second_N is not None and ballots_N is not None:
        ballots_RC = ballots_N.reshape(plan.chips)
        second_RC = np.where(ballots_RC < BALLOTS, second_N.reshape(plan.chips), ids_RC)
    low_II = _reduce_cells(np.minimum, np.minimum(ids_RC, second_RC), plan)
    contested_II = low_II != _reduce_cells(np.maximum, np.maximum(ids_RC, second_RC), plan)
    labels_YX = np.take(np.take(low_II, plan.x.interval_X, axis=1), plan.y.interval_X, axis=0)
    confidence_YX = np.full(plan.shape, 255, np.uint8)
    cell_y_B, cell_x_B = np.nonzero(contested_II)
    kind_B = plan.y.kind_I[cell_y_B] * len(plan.x.weights) + plan.x.kind_I[cell_x_B]
    order_B = np.argsort(kind_B, kind="stable")
    starts = np.flatnonzero(np.diff(kind_B[order_B], prepend=-1))
    for cells in np.split(order_B, starts[1:]) if len(starts) else []:
        _vote(
            (ids_RC, second_RC, ballots_RC),
            plan,
            (cell_y_B[cells], cell_x_B[cells]),
            labels_YX,
            confidence_YX,
        )
    return labels_YX, confidence_YX


def _reduce_cells(reduce: np.ufunc, ids_RC: UInt16, plan: PaintPlan) -> UInt16:
    """Lowest or highest id among the chips that cover each cell."""
    answer = ids_RC
    for axis, lines in enumerate((plan.y, plan.x)):
        source = answer
        answer = np.take(source, lines.first_chip_I, axis=axis)
        for step in range(1, int((lines.last_chip_I - lines.first_chip_I).max()) + 1):
            chip_I = np.minimum(lines.first_chip_I + step, lines.last_chip_I)
            reduce(answer, np.take(source, chip_I, axis=axis), out=answer)
    return answer


def _vote(
    votes_RC: tuple[UInt16, UInt16, UInt8],
    plan: PaintPlan,
    cells: tuple[Int64, Int64],
    labels_YX: UInt16,
    confidence_YX: UInt8,
) -> None:
    """Decide the contested cells of one kind, in place.

    Chips times pixels is a matrix of weights that all these cells share, so the votes for the
    n-th id of every cell are one matrix product. Its sums are integers below 2**24 in float32,
    or 2**53 in float64, and so exact in whatever order they are added.
    """
    y_B, x_B = cells
    weight_RY = plan.y.weights[plan.y.kind_I[y_B[0]]]
    weight_CX = plan.x.weights[plan.x.kind_I[x_B[0]]]
    height, width = weight_RY.shape[1], weight_CX.shape[1]
    weight_PX = np.einsum("ry,cx->rcyx", weight_RY, weight_CX).reshape(-1, height * width)
    total_X = BALLOTS * weight_PX.sum(axis=0)
    exact = np.float32 if total_X.max() < 1 << 24 else np.float64
    weight_PX = weight_PX.astype(exact)
    target_labels = np.lib.stride_tricks.sliding_window_view(
        labels_YX, (height, width), writeable=True
    )
    target_confidence = np.lib.stride_tricks.sliding_window_view(
        confidence_YX, (height, width), writeable=True
    )
    at_once = max(1, _VOTES_AT_ONCE // max(weight_PX.shape))
    for first in range(0, len(y_B), at_once):
        y, x = y_B[first : first + at_once], x_B[first : first + at_once]
        chips = (
            (plan.y.first_chip_I[y][:, None] + np.arange(len(weight_RY)))[:, :, None],
            (plan.x.first_chip_I[x][:, None] + np.arange(len(weight_CX)))[:, None, :],
        )
        ids_BP, second_BP, ballots_BP = (of_RC[chips].reshape(len(y), -1) for of_RC in votes_RC)
        ids_BW = np.concatenate([ids_BP, second_BP], axis=1)
        ballots_BW = np.concatenate([ballots_BP, BALLOTS - ballots_BP], axis=1).astype(exact)
        winner_BX, votes_BX = _count_votes(ids_BW, ballots_BW, weight_PX)
        # 510 votes need not fit float32, even where the votes do.
        share_BX = (np.float64(510) * votes_BX + total_X) / (2.0 * total_X)
        corner = (plan.y.start_I[y], plan.x.start_I[x])
        target_labels[corner] = winner_BX.reshape(-1, height, width)
        # Truncating the float64 quotient is exact: it is never within 2**-48 below a whole number.
        target_confidence[corner] = share_BX.astype(np.uint8).reshape(-1, height, width)


def _count_votes(ids_BW: UInt16, ballots_BW: Array, weight_PX: Array) -> tuple[UInt16, Array]:
    """The id with most votes and its votes, for the pixels of each cell.

    W counts the chips twice: with their own ids first, then with their second ones.
    """
    sorted_BW = np.sort(ids_BW.astype(np.int32), axis=1)
    sorted_BW[:, 1:][sorted_BW[:, 1:] == sorted_BW[:, :-1]] = _ABSENT
    sorted_BW.sort(axis=1)
    distinct_B = np.count_nonzero(sorted_BW < _ABSENT, axis=1)
    order_B = np.argsort(-distinct_B, kind="stable")  # so that the n-th ids are a run of cells
    ids_BW, ballots_BW, sorted_BW = ids_BW[order_B], ballots_BW[order_B], sorted_BW[order_B]

    def votes(run: slice, name_B1: Array) -> Array:
        cast_BW = np.where(ids_BW[run] == name_B1, ballots_BW[run], weight_PX.dtype.type(0))
        chips = len(weight_PX)
        counted_BX: Array = (cast_BW[:, :chips] + cast_BW[:, chips:]) @ weight_PX
        return counted_BX

    everyone = slice(len(ids_BW))
    winner_BX = np.repeat(sorted_BW[:, :1].astype(np.uint16), weight_PX.shape[1], axis=1)
    votes_BX = votes(everyone, sorted_BW[:, :1])
    for place in range(1, int(distinct_B.max())):
        run = slice(int(np.count_nonzero(distinct_B > place)))
        rival_B1 = sorted_BW[run, place : place + 1]
        rival_BX = votes(run, rival_B1)
        better_BX = rival_BX > votes_BX[run]
        np.copyto(winner_BX[run], rival_B1.astype(np.uint16), where=better_BX)
        np.maximum(votes_BX[run], rival_BX, out=votes_BX[run])
    back_B = np.empty_like(order_B)
    back_B[order_B] = np.arange(len(order_B))
    return winner_BX[back_B], votes_BX[back_B]


# --------------------------------------------------------------------------- regions


@dataclass(frozen=True, slots=True, kw_only=True)
class Regions:
    """What a label map says of each community asked for, in the order asked.

    `centroid_K2` is `(y, x)` in pixels, `bbox_K4` is `[y0, x0, y1, x1]` with ends excluded,
    `mean_intensity_K` is in the units of the frame over finite pixels, `confidence_K` is 0 to 1.
    A community without pixels has an area and a box of zero; a mean over nothing is NaN.
    """

    area_px_K: Int64
    centroid_K2: Float64
    bbox_K4: Int64
    mean_intensity_K: Float64
    confidence_K: Float64


def regions(labels_YX: UInt16, confidence_YX: UInt8, image_YX: Array, ids_K: Array) -> Regions:
    """Measure the communities `ids_K` on a label map and the raw frame under it.

    Everything is summed over runs of equal labels along x, of which there are far fewer than
    pixels: integers exactly, floats in float64, then the runs in float64, in a fixed order.
    """
    ny, nx = labels_YX.shape
    begins_YX = np.empty((ny, nx), np.bool_)
    begins_YX[:, 0] = True
    np.not_equal(labels_YX[:, 1:], labels_YX[:, :-1], out=begins_YX[:, 1:])
    start_S = np.flatnonzero(begins_YX)
    length_S = np.diff(start_S, append=ny * nx)
    y_S, x_S = np.divmod(start_S, nx)
    wanted, place = np.unique(ids_K, return_inverse=True)
    label_S = labels_YX.reshape(-1)[start_S]
    slot_S = np.minimum(np.searchsorted(wanted, label_S), max(len(wanted) - 1, 0))
    asked_S = wanted[slot_S] == label_S if len(wanted) else np.zeros(len(label_S), np.bool_)
    slot_S = np.where(asked_S, slot_S, len(wanted))  # the last slot takes all other labels

    def total(values_S: Array) -> Float64:
        summed = np.bincount(slot_S, weights=values_S, minlength=len(wanted) + 1)
        return summed.astype(np.float64, copy=False)[place]

    area_K = total(length_S)
    scale, value_S, finite_S = _sum_runs(image_YX, start_S, length_S)
    vote_S = np.add.reduceat(confidence_YX.reshape(-1), start_S, dtype=np.int64)
    bbox_K4 = np.zeros((4, len(wanted) + 1), np.int64)
    bbox_K4[:2] = max(ny, nx)
    np.minimum.at(bbox_K4[0], slot_S, y_S)
    np.minimum.at(bbox_K4[1], slot_S, x_S)
    np.maximum.at(bbox_K4[2], slot_S, y_S + 1)
    np.maximum.at(bbox_K4[3], slot_S, x_S + length_S)
    bbox_K4[:, bbox_K4[2] == 0] = 0
    with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN of a mean over nothing
        return Regions(
            area_px_K=area_K.astype(np.int64),
            centroid_K2=np.stack(
                [
                    total(y_S * length_S) / area_K,
                    total(x_S * length_S + length_S * (length_S - 1) // 2) / area_K,
                ],
                axis=1,
            ),
            bbox_K4=bbox_K4.T[place],
            mean_intensity_K=total(value_S) / total(finite_S) * scale,
            confidence_K=total(vote_S) / (255.0 * area_K),
        )


def _sum_runs(image_YX: Array, start_S: Int64, length_S: Int64) -> tuple[float, Array, Array]:
    """Sum the finite pixels of every run: a factor, sums to be multiplied by it, and counts."""
    values = _native(image_YX).reshape(-1)
    if values.dtype.kind != "f":
        return 1.0, np.add.reduceat(values, start_S, dtype=np.int64), length_S
    scale = 1.0
    if values.dtype.itemsize == 8:
        # Sums of doubles near their limit would overflow; a power of two larger than any frame
        # has pixels loses nothing on the way down and back.
        scale = 2.0**32
        values = values / scale
    finite = np.isfinite(values)
    if finite.all():
        return scale, np.add.reduceat(values, start_S, dtype=np.float64), length_S
    count_S = np.add.reduceat(finite, start_S, dtype=np.int64)
    return scale, np.add.reduceat(np.where(finite, values, 0), start_S, dtype=np.float64), count_S
