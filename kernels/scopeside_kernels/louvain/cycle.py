"""Where a cycle ends and where it begins: both on the nodes of the given graph.

The second axis of a launch is that of starts, as everywhere between the first two and the last
three launches. From one start to the next it is `room` in snapshots and `size` in ledgers.

Shape suffixes: N nodes; S snapshots of a stage; B nodes of a block.
"""

from __future__ import annotations

import triton
import triton.language as tl

from scopeside_kernels import reference_louvain as rules
from scopeside_kernels.louvain.ledger import (
    ALIVE,
    NAME_BITS,
    NULL,
    SCORE,
    TOTAL,
    best_of,
    record_of,
)

_RESOLUTION_BITS = tl.constexpr(rules.RESOLUTION_BITS)


@triton.jit(do_not_specialize=["nodes", "starts", "room", "size"])
def restart_kernel(
    strength_N: tl.tensor,
    labels_N: tl.tensor,
    bound_N: tl.tensor,
    history_SN: tl.tensor,
    sums_SN: tl.tensor,
    sizes_SN: tl.tensor,
    resolution: tl.tensor,
    ledger: tl.tensor,
    nodes: tl.tensor,
    starts: tl.tensor,
    room: tl.tensor,
    size: tl.tensor,
    ALONE: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """Make the labels found so far, or with `ALONE` single nodes, the first snapshot of a stage.

    The sums and sizes of that snapshot must be zero, which the launch before sees to. With `ALONE`
    a stage within follows: what a node was in, here and in the next start, is kept as one number.
    """
    start = tl.program_id(1)
    history_SN += start * room
    sums_SN += start * room
    sizes_SN += start * room
    node_B = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside_B = node_B < nodes
    label_B = tl.load(labels_N + start * nodes + node_B, mask=inside_B, other=0)
    if ALONE:
        beside = (start + 1) % starts
        beside_B = tl.load(labels_N + beside * nodes + node_B, mask=inside_B, other=0)
        bound_B = (label_B.to(tl.int64) << NAME_BITS) | beside_B
        tl.store(bound_N + start * nodes + node_B, bound_B, mask=inside_B)
        label_B = node_B
    strength_B = tl.load(strength_N + node_B, mask=inside_B, other=0)
    tl.store(history_SN + node_B, label_B, mask=inside_B)
    tl.atomic_add(sums_SN + label_B, strength_B, mask=inside_B, sem="relaxed")
    tl.atomic_add(sizes_SN + label_B, 1, mask=inside_B, sem="relaxed")
    if tl.program_id(0) == 0:
        fixed = tl.load(resolution)
        total = tl.load(ledger + TOTAL)
        tl.store(ledger + start * size + NULL, ((total << _RESOLUTION_BITS) + fixed // 2) // fixed)


@triton.jit(do_not_specialize=["nodes", "stage", "room", "size"])
def settle_kernel(
    history_SN: tl.tensor,
    labels_N: tl.tensor,
    sums_SN: tl.tensor,
    sizes_SN: tl.tensor,
    first_N: tl.tensor,
    ledger: tl.tensor,
    nodes: tl.tensor,
    stage: tl.tensor,
    room: tl.tensor,
    size: tl.tensor,
    BASE: tl.constexpr,
    APART: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """Take over what a cycle's last stage found and clear the way for the next cycle.

    `BASE` says that the last stage's nodes are those of the given graph, as in a cycle of one
    stage; `APART`, that it came after a stage within: then the labels name its nodes even where it
    found nothing better than what it began with.
    """
    start = tl.program_id(1)
    labels_N += start * nodes
    history_SN += start * room
    sums_SN += start * room
    sizes_SN += start * room
    ledger += start * size
    node_B = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside_B = node_B < nodes
    if tl.load(record_of(ledger, stage) + ALIVE) != 0:
        best, score = best_of(ledger, stage)
        if APART or best > 0:
            place_B = node_B
            if not BASE:
                place_B = tl.load(labels_N + node_B, mask=inside_B, other=0)
            label_B = tl.load(history_SN + best * nodes + place_B, mask=inside_B, other=0)
            tl.store(labels_N + node_B, label_B, mask=inside_B)
        if tl.program_id(0) == 0:
            tl.store(ledger + SCORE, score)
    zero_B = tl.zeros([BLOCK], tl.int32)
    for snapshot in tl.static_range(2):
        tl.store(sums_SN + snapshot * nodes + node_B, zero_B, mask=inside_B)
        tl.store(sizes_SN + snapshot * nodes + node_B, zero_B, mask=inside_B)
    tl.store(first_N + node_B, zero_B + nodes, mask=inside_B & (start == 0))
    if tl.program_id(0) == 0:
        tl.store(record_of(ledger, stage + 1) + ALIVE, 1)
