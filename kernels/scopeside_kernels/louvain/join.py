"""The graph of a stage's communities: three launches from the best snapshot to new rows.

Edges between the same two communities meet in a hash table. Who comes first differs from run to
run, and with it the order of edges in a row; their weights are integer sums, and no later step
looks at the order. Edges inside a community are left out: the ledger knows their weight.

Shape suffixes: N nodes and names of communities; E places of edge arrays; H places of the hash
table; S snapshots; R rows of a block; T edges of a tile; B places of a block.
"""

from __future__ import annotations

import triton
import triton.language as tl

from scopeside_kernels.louvain.ledger import (
    ALIVE,
    INSIDE,
    NAME_BITS,
    NAME_MASK,
    PLACED,
    SCORE,
    best_of,
    inner_of,
    record_of,
)
from scopeside_kernels.louvain.sweep import hashed


@triton.jit(do_not_specialize=["nodes", "stage", "places", "edges", "room", "size"])
def join_kernel(
    begin_N: tl.tensor,
    end_N: tl.tensor,
    neighbours_E: tl.tensor,
    weights_E: tl.tensor,
    history_SN: tl.tensor,
    labels_N: tl.tensor,
    parent_N: tl.tensor,
    keys_H: tl.tensor,
    joint_H: tl.tensor,
    count_N: tl.tensor,
    ledger: tl.tensor,
    nodes: tl.tensor,
    stage: tl.tensor,
    places: tl.tensor,
    edges: tl.tensor,
    room: tl.tensor,
    size: tl.tensor,
    BASE: tl.constexpr,
    WITHIN: tl.constexpr,
    APART: tl.constexpr,
    ROWS: tl.constexpr,
    TILE: tl.constexpr,
) -> None:
    """Take over the best snapshot and gather the edges between its communities.

    `places` is a power of two, at least twice the edges. Beyond it the table has one place for
    each lane of a block, never empty, where lanes without an edge look in vain.

    `BASE` says that the stage's nodes are those of the given graph. After a stage `WITHIN` the
    labels name what the next stage takes for nodes, and the community that each of them was in
    is kept as its parent; all its nodes write the same one. After the stage behind that (`APART`)
    even what it began with is taken over, as the labels name its nodes.
    """
    start = tl.program_id(1)
    if not BASE:
        begin_N += start * nodes
        end_N += start * nodes
        neighbours_E += start * edges
        weights_E += start * edges
    history_SN += start * room
    labels_N += start * nodes
    parent_N += start * nodes
    keys_H += start * (places + ROWS * TILE)
    joint_H += start * places
    count_N += start * nodes
    ledger += start * size
    record = record_of(ledger, stage)
    if tl.load(record + ALIVE) == 0:
        return
    best, score = best_of(ledger, stage)
    if tl.program_id(0) == 0:
        if not WITHIN:
            tl.store(ledger + SCORE, score)
        if APART or best > 0:
            inside = tl.load(record + INSIDE) + inner_of(record, best)
            next_record = record_of(ledger, stage + 1)
            tl.store(next_record + INSIDE, inside)
            tl.store(next_record + ALIVE, 1)
    if not APART and best == 0:
        return
    found_N = history_SN + best * nodes
    row_R = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    inside_R = row_R < nodes
    group_R = tl.load(found_N + row_R, mask=inside_R, other=0)
    if WITHIN:
        held_R = tl.load(labels_N + row_R, mask=inside_R, other=0)
        tl.store(parent_N + group_R, held_R, mask=inside_R)
    if BASE:
        tl.store(labels_N + row_R, group_R, mask=inside_R)
    else:
        name_R = tl.load(labels_N + row_R, mask=inside_R, other=0)
        tl.store(labels_N + row_R, tl.load(found_N + name_R, mask=inside_R, other=0), mask=inside_R)

    begin_R = tl.load(begin_N + row_R, mask=inside_R, other=0)
    degree_R = (tl.load(end_N + row_R, mask=inside_R, other=0) - begin_R).to(tl.int32)
    lane_RT = tl.arange(0, ROWS)[:, None] * TILE + tl.arange(0, TILE)[None, :]
    for first in range(0, tl.max(degree_R, axis=0), TILE):
        place_T = first + tl.arange(0, TILE)
        edge_RT = place_T[None, :] < degree_R[:, None]
        at_RT = begin_R[:, None] + place_T[None, :]
        neighbour_RT = tl.load(neighbours_E + at_RT, mask=edge_RT, other=0)
        weight_RT = tl.load(weights_E + at_RT, mask=edge_RT, other=0)
        other_RT = tl.load(found_N + neighbour_RT, mask=edge_RT, other=0)
        from_RT = tl.broadcast_to(group_R[:, None], [ROWS, TILE])
        pending_RT = edge_RT & (from_RT != other_RT) & (weight_RT > 0)
        key_RT = ((from_RT.to(tl.int64) << NAME_BITS) | other_RT) + 1
        spread_RT = hashed(from_RT * 0x3C6EF372 + other_RT).to(tl.int32, bitcast=True)
        slot_RT = tl.where(pending_RT, spread_RT & (places - 1), places + lane_RT)
        kept_RT = pending_RT
        fresh_RT = edge_RT & (edge_RT == 0)
        # A lane that has found its place asks there again until the last one has: the place is
        # taken, so nothing changes. `atomic_cas` knows no mask.
        while tl.max(pending_RT.to(tl.int32)) != 0:
            seen_RT = tl.atomic_cas(keys_H + slot_RT, tl.zeros_like(key_RT), key_RT, sem="relaxed")
            fresh_RT = fresh_RT | (pending_RT & (seen_RT == 0))
            pending_RT = pending_RT & (seen_RT != 0) & (seen_RT != key_RT)
            slot_RT = tl.where(pending_RT, (slot_RT + 1) & (places - 1), slot_RT)
        tl.atomic_add(joint_H + slot_RT, weight_RT, mask=kept_RT, sem="relaxed")
        tl.atomic_add(count_N + from_RT, 1, mask=fresh_RT, sem="relaxed")


@triton.jit(do_not_specialize=["nodes", "stage", "room", "size"])
def place_kernel(
    count_N: tl.tensor,
    begin_N: tl.tensor,
    end_N: tl.tensor,
    strength_N: tl.tensor,
    sums_SN: tl.tensor,
    sizes_SN: tl.tensor,
    ledger: tl.tensor,
    nodes: tl.tensor,
    stage: tl.tensor,
    room: tl.tensor,
    size: tl.tensor,
    WITHIN: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """Give every community its row, empty as yet, and its strength; which row is no matter.

    After a stage `WITHIN`, whose best snapshot is not its first, the sums and sizes of the first
    one are cleared for what the next launch adds.
    """
    start = tl.program_id(1)
    count_N += start * nodes
    begin_N += start * nodes
    end_N += start * nodes
    strength_N += start * nodes
    sums_SN += start * room
    sizes_SN += start * room
    ledger += start * size
    if tl.load(record_of(ledger, stage + 1) + ALIVE) == 0:
        return
    best, _ = best_of(ledger, stage)
    node_B = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside_B = node_B < nodes
    count_B = tl.load(count_N + node_B, mask=inside_B, other=0)
    wanted = tl.sum(count_B, axis=0)
    base = tl.atomic_add(record_of(ledger, stage) + PLACED, wanted.to(tl.int64), sem="relaxed").to(
        tl.int32
    )
    begin_B = base + tl.cumsum(count_B, axis=0) - count_B
    tl.store(begin_N + node_B, begin_B, mask=inside_B)
    tl.store(end_N + node_B, begin_B, mask=inside_B)
    tl.store(count_N + node_B, tl.zeros([BLOCK], tl.int32), mask=inside_B)
    strength_B = tl.load(sums_SN + best * nodes + node_B, mask=inside_B, other=0)
    tl.store(strength_N + node_B, strength_B, mask=inside_B)
    if WITHIN:
        tl.store(sums_SN + node_B, tl.zeros([BLOCK], tl.int32), mask=inside_B)
        tl.store(sizes_SN + node_B, tl.zeros([BLOCK], tl.int32), mask=inside_B)


@triton.jit(do_not_specialize=["nodes", "stage", "places", "edges", "room", "size", "spare"])
def fill_kernel(
    keys_H: tl.tensor,
    joint_H: tl.tensor,
    end_N: tl.tensor,
    neighbours_E: tl.tensor,
    weights_E: tl.tensor,
    strength_N: tl.tensor,
    parent_N: tl.tensor,
    history_SN: tl.tensor,
    sums_SN: tl.tensor,
    sizes_SN: tl.tensor,
    ledger: tl.tensor,
    nodes: tl.tensor,
    stage: tl.tensor,
    places: tl.tensor,
    edges: tl.tensor,
    room: tl.tensor,
    size: tl.tensor,
    spare: tl.tensor,
    WITHIN: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """Move the table's edges into the rows, empty it, and put every new node by itself.

    After a stage `WITHIN` every new node goes to its parent. `spare` counts the places that the
    table has beyond `places`.
    """
    start = tl.program_id(1)
    keys_H += start * (places + spare)
    joint_H += start * places
    end_N += start * nodes
    neighbours_E += start * edges
    weights_E += start * edges
    strength_N += start * nodes
    parent_N += start * nodes
    history_SN += start * room
    sums_SN += start * room
    sizes_SN += start * room
    ledger += start * size
    if tl.load(record_of(ledger, stage + 1) + ALIVE) == 0:
        return
    at_B = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    slot_B = at_B < places
    key_B = tl.load(keys_H + at_B, mask=slot_B, other=0)
    taken_B = key_B != 0
    pair_B = key_B - 1
    row_B = tl.where(taken_B, pair_B >> NAME_BITS, 0).to(tl.int32)
    column_B = (pair_B & NAME_MASK).to(tl.int32)
    weight_B = tl.load(joint_H + at_B, mask=taken_B, other=0)
    edge_B = tl.atomic_add(end_N + row_B, 1, mask=taken_B, sem="relaxed")
    tl.store(neighbours_E + edge_B, column_B, mask=taken_B)
    tl.store(weights_E + edge_B, weight_B, mask=taken_B)
    tl.store(keys_H + at_B, tl.zeros([BLOCK], tl.int64), mask=taken_B)
    tl.store(joint_H + at_B, tl.zeros([BLOCK], tl.int32), mask=taken_B)

    node_B = at_B < nodes
    strength_B = tl.load(strength_N + at_B, mask=node_B, other=0)
    if WITHIN:
        best, _ = best_of(ledger, stage)
        # Names that no new node has must not count in the community that is called like them.
        lives_B = tl.load(sizes_SN + best * nodes + at_B, mask=node_B, other=0) > 0
        parent_B = tl.load(parent_N + at_B, mask=lives_B, other=0)
        tl.store(history_SN + at_B, tl.where(lives_B, parent_B, at_B), mask=node_B)
        tl.atomic_add(sums_SN + parent_B, strength_B, mask=lives_B, sem="relaxed")
        tl.atomic_add(sizes_SN + parent_B, 1, mask=lives_B, sem="relaxed")
    else:
        tl.store(history_SN + at_B, at_B, mask=node_B)
        tl.store(sums_SN + at_B, strength_B, mask=node_B)
        tl.store(sizes_SN + at_B, tl.zeros([BLOCK], tl.int32) + 1, mask=node_B)
    tl.store(sums_SN + nodes + at_B, tl.zeros([BLOCK], tl.int32), mask=node_B)
    tl.store(sizes_SN + nodes + at_B, tl.zeros([BLOCK], tl.int32), mask=node_B)
