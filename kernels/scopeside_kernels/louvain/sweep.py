"""One sweep of local moving: every row judges, the active part moves. One launch.

Shape suffixes: N nodes, which are also the names of communities; E places of edge arrays; S
snapshots of a stage; R rows of a block; T candidates of a tile; O other edges of the same row.
"""

from __future__ import annotations

import triton
import triton.language as tl

from scopeside_kernels import reference_louvain as rules
from scopeside_kernels.louvain.ledger import (
    LOWEST,
    MOVED,
    NULL,
    SQUARES,
    halted,
    inner_at,
    record_of,
)

_START_SALT = tl.constexpr(rules.START_SALT)


@triton.jit
def hashed(value: tl.tensor) -> tl.tensor:
    """See `reference_louvain.hashed`."""
    x = value.to(tl.uint32, bitcast=True)
    x = x ^ (x >> 16)
    x = x * 0x7FEB352D
    x = x ^ (x >> 15)
    x = x * 0x846CA68B
    return x ^ (x >> 16)


@triton.jit
def load_tile(
    begin_R: tl.tensor,
    degree_R: tl.tensor,
    first: tl.tensor,
    neighbours_E: tl.tensor,
    weights_E: tl.tensor,
    labels_N: tl.tensor,
    bound_N: tl.tensor,
    bound_R: tl.tensor,
    WITHIN: tl.constexpr,
    TILE: tl.constexpr,
) -> tl.tensor:
    """Return labels and weights of the neighbours from `first` on; -1 and 0 past the row's end.

    With `WITHIN` a neighbour that does not share the row's bound is as one past the end.
    """
    place_T = first + tl.arange(0, TILE)
    edge_RT = place_T[None, :] < degree_R[:, None]
    at_RT = begin_R[:, None] + place_T[None, :]
    neighbour_RT = tl.load(neighbours_E + at_RT, mask=edge_RT, other=0)
    if WITHIN:
        bound_RT = tl.load(bound_N + neighbour_RT, mask=edge_RT, other=-1)
        edge_RT = edge_RT & (bound_RT == bound_R[:, None])
    weight_RT = tl.load(weights_E + at_RT, mask=edge_RT, other=0)
    label_RT = tl.load(labels_N + neighbour_RT, mask=edge_RT, other=-1)
    return label_RT, weight_RT


@triton.jit(
    do_not_specialize=[
        "nodes",
        "stage",
        "sweep",
        "salt",
        "moving",
        "edges",
        "room",
        "size",
    ]
)
def sweep_kernel(
    begin_N: tl.tensor,
    end_N: tl.tensor,
    neighbours_E: tl.tensor,
    weights_E: tl.tensor,
    strength_N: tl.tensor,
    history_SN: tl.tensor,
    sums_SN: tl.tensor,
    sizes_SN: tl.tensor,
    bound_N: tl.tensor,
    ledger: tl.tensor,
    nodes: tl.tensor,
    stage: tl.tensor,
    sweep: tl.tensor,
    salt: tl.tensor,
    moving: tl.tensor,
    edges: tl.tensor,
    room: tl.tensor,
    size: tl.tensor,
    BASE: tl.constexpr,
    WITHIN: tl.constexpr,
    PARTS: tl.constexpr,
    PATIENCE: tl.constexpr,
    ROWS: tl.constexpr,
    TILE: tl.constexpr,
) -> None:
    """Judge snapshot `sweep` and, where `moving` is not 0, make the next one of it.

    Sums and sizes of communities are kept for every snapshot: this launch adds to those of the
    next, which an earlier one cleared, and clears those after it. So nothing that is read here is
    written here, and one launch a sweep is enough. The weight between a row and a community
    is found by comparing all pairs of the row's edges, a tile by a tile: quadratic in the degree
    but free of tables and of atomics, and a single tile for most rows of a kNN graph. A hub of d
    neighbours costs its own warp (d / 32)^2 tiles, so one of thousands makes a sweep wait for it.
    `bound_N` says for a stage `WITHIN` what each node was in.
    """
    start = tl.program_id(1)
    if not BASE:
        begin_N += start * nodes
        end_N += start * nodes
        neighbours_E += start * edges
        weights_E += start * edges
        strength_N += start * nodes
    history_SN += start * room
    sums_SN += start * room
    sizes_SN += start * room
    ledger += start * size
    if halted(ledger, stage, sweep, PARTS, PATIENCE):
        return
    row_R = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    inside_R = row_R < nodes
    labels_N = history_SN + sweep * nodes
    now_sums_N = sums_SN + sweep * nodes
    now_sizes_N = sizes_SN + sweep * nodes
    null = tl.load(ledger + NULL)
    begin_R = tl.load(begin_N + row_R, mask=inside_R, other=0)
    degree_R = (tl.load(end_N + row_R, mask=inside_R, other=0) - begin_R).to(tl.int32)
    strength_R = tl.load(strength_N + row_R, mask=inside_R, other=0)
    own_R = tl.load(labels_N + row_R, mask=inside_R, other=0)
    bound_N += start * nodes
    bound_R = tl.zeros([ROWS], tl.int64)
    if WITHIN:
        bound_R = tl.load(bound_N + row_R, mask=inside_R, other=0)

    inner_R = tl.zeros([ROWS], tl.int32)
    for first in range(0, tl.max(degree_R, axis=0), TILE):
        label_RT, weight_RT = load_tile(
            begin_R,
            degree_R,
            first,
            neighbours_E,
            weights_E,
            labels_N,
            bound_N,
            bound_R,
            WITHIN,
            TILE,
        )
        inner_R += tl.sum(tl.where(label_RT == own_R[:, None], weight_RT, 0), axis=1)

    part_R = (hashed(row_R + salt + start * _START_SALT) >> 16) % PARTS
    active_R = inside_R & (part_R.to(tl.int32) == sweep % PARTS) & (moving != 0)
    reach_R = tl.where(active_R, degree_R, 0)
    reach = tl.max(reach_R, axis=0)
    best_R = tl.full([ROWS], LOWEST, tl.int64)
    to_R = tl.zeros([ROWS], tl.int32) + nodes
    for first in range(0, reach, TILE):
        label_RT, _ = load_tile(
            begin_R,
            reach_R,
            first,
            neighbours_E,
            weights_E,
            labels_N,
            bound_N,
            bound_R,
            WITHIN,
            TILE,
        )
        joint_RT = tl.zeros([ROWS, TILE], tl.int32)
        for other in range(0, reach, TILE):
            label_RO, weight_RO = load_tile(
                begin_R,
                reach_R,
                other,
                neighbours_E,
                weights_E,
                labels_N,
                bound_N,
                bound_R,
                WITHIN,
                TILE,
            )
            same_ROT = label_RO[:, :, None] == label_RT[:, None, :]
            joint_RT += tl.sum(tl.where(same_ROT, weight_RO[:, :, None], 0), axis=1)
        # Past the row's end no weight was added, so `joint_RT > 0` also keeps to the row.
        other_RT = (joint_RT > 0) & (label_RT != own_R[:, None])
        sum_RT = tl.load(now_sums_N + label_RT, mask=other_RT, other=0)
        pull_RT = null * joint_RT.to(tl.int64)
        value_RT = pull_RT - strength_R[:, None].to(tl.int64) * sum_RT.to(tl.int64)
        value_RT = tl.where(other_RT, value_RT, LOWEST)
        value_R = tl.max(value_RT, axis=1)
        lowest_RT = tl.where(other_RT & (value_RT == value_R[:, None]), label_RT, nodes)
        lowest_R = tl.min(lowest_RT, axis=1)
        to_R = tl.where(
            value_R > best_R,
            lowest_R,
            tl.where(value_R == best_R, tl.minimum(to_R, lowest_R), to_R),
        )
        best_R = tl.maximum(best_R, value_R)

    own_sum_R = tl.load(now_sums_N + own_R, mask=inside_R, other=0)
    rest_R = (own_sum_R - strength_R).to(tl.int64)
    stay_R = null * inner_R.to(tl.int64) - strength_R.to(tl.int64) * rest_R
    wants_R = active_R & (to_R < nodes) & (best_R > stay_R)
    own_size_R = tl.load(now_sizes_N + own_R, mask=wants_R, other=0)
    to_size_R = tl.load(now_sizes_N + to_R, mask=wants_R, other=0)
    moves_R = wants_R & ~((own_size_R == 1) & (to_size_R == 1) & (to_R > own_R))

    next_sums_N = now_sums_N + nodes
    next_sizes_N = now_sizes_N + nodes
    tl.store(labels_N + nodes + row_R, tl.where(moves_R, to_R, own_R), mask=inside_R)
    sum_R = tl.load(now_sums_N + row_R, mask=inside_R, other=0)
    size_R = tl.load(now_sizes_N + row_R, mask=inside_R, other=0)
    tl.atomic_add(next_sums_N + row_R, sum_R, mask=sum_R != 0, sem="relaxed")
    tl.atomic_add(next_sizes_N + row_R, size_R, mask=size_R != 0, sem="relaxed")
    tl.atomic_add(next_sums_N + own_R, -strength_R, mask=moves_R, sem="relaxed")
    tl.atomic_add(next_sizes_N + own_R, -1, mask=moves_R, sem="relaxed")
    tl.atomic_add(next_sums_N + to_R, strength_R, mask=moves_R, sem="relaxed")
    tl.atomic_add(next_sizes_N + to_R, 1, mask=moves_R, sem="relaxed")
    zero_R = tl.zeros([ROWS], tl.int32)
    tl.store(next_sums_N + nodes + row_R, zero_R, mask=inside_R)
    tl.store(next_sizes_N + nodes + row_R, zero_R, mask=inside_R)

    record = record_of(ledger, stage)
    squares = tl.sum(sum_R.to(tl.int64) * sum_R.to(tl.int64), axis=0)
    moved = tl.sum(moves_R.to(tl.int64), axis=0)
    # All programs meet at these places; late in a stage most have no square or move to add.
    inner = tl.sum(inner_R.to(tl.int64), axis=0)
    tl.atomic_add(inner_at(record, tl.program_id(0), sweep), inner, sem="relaxed")
    tl.atomic_add(record + SQUARES + sweep, squares, mask=squares != 0, sem="relaxed")
    tl.atomic_add(record + MOVED + sweep, moved, mask=moved != 0, sem="relaxed")
    if tl.program_id(0) == 0:
        tl.store(record + sweep, 1)
