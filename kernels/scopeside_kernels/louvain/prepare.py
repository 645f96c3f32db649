"""From a graph's float weights to integers: two launches over its rows.

Shape suffixes: N nodes; E places of the caller's edge arrays; R rows of a block; T tile of a row.
"""

from __future__ import annotations

import triton
import triton.language as tl

from scopeside_kernels import reference_louvain as rules
from scopeside_kernels.louvain.ledger import ALIVE, EDGES, LARGEST, TOTAL, record_of

_TOTAL_BITS = tl.constexpr(rules.TOTAL_BITS)


@triton.jit(do_not_specialize=["nodes"])
def measure_kernel(
    begin_N: tl.tensor,
    end_N: tl.tensor,
    weights_E: tl.tensor,
    ledger: tl.tensor,
    nodes: tl.tensor,
    WEIGHTED: tl.constexpr,
    ROWS: tl.constexpr,
    TILE: tl.constexpr,
) -> None:
    """Count the edges and find the largest weight, as bits: positive floats order like them."""
    row_R = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    inside_R = row_R < nodes
    begin_R = tl.load(begin_N + row_R, mask=inside_R, other=0)
    degree_R = (tl.load(end_N + row_R, mask=inside_R, other=0) - begin_R).to(tl.int32)
    largest_R = tl.zeros([ROWS], tl.int32)
    if WEIGHTED:
        for first in range(0, tl.max(degree_R, axis=0), TILE):
            place_T = first + tl.arange(0, TILE)
            edge_RT = place_T[None, :] < degree_R[:, None]
            at_RT = begin_R[:, None] + place_T[None, :]
            weight_RT = tl.load(weights_E + at_RT, mask=edge_RT, other=0.0)
            bits_RT = weight_RT.to(tl.int32, bitcast=True)
            largest_R = tl.maximum(largest_R, tl.max(bits_RT, axis=1))
        tl.atomic_max(ledger + LARGEST, tl.max(largest_R, axis=0).to(tl.int64), sem="relaxed")
    tl.atomic_add(ledger + EDGES, tl.sum(degree_R.to(tl.int64), axis=0), sem="relaxed")


@triton.jit(do_not_specialize=["nodes", "starts", "room", "size"])
def begin_kernel(
    begin_N: tl.tensor,
    end_N: tl.tensor,
    weights_E: tl.tensor,
    fixed_E: tl.tensor,
    strength_N: tl.tensor,
    labels_N: tl.tensor,
    sums_SN: tl.tensor,
    sizes_SN: tl.tensor,
    ledger: tl.tensor,
    nodes: tl.tensor,
    starts: tl.tensor,
    room: tl.tensor,
    size: tl.tensor,
    WEIGHTED: tl.constexpr,
    ROWS: tl.constexpr,
    TILE: tl.constexpr,
) -> None:
    """Round the weights, sum them by row and in total, and put every node by itself in each start.

    From one start to the next it is `room` in snapshots and `size` in ledgers.
    """
    row_R = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    inside_R = row_R < nodes
    begin_R = tl.load(begin_N + row_R, mask=inside_R, other=0)
    degree_R = (tl.load(end_N + row_R, mask=inside_R, other=0) - begin_R).to(tl.int32)
    # The exponents are read from the numbers' bits: exact, where a logarithm would round.
    edges = tl.load(ledger + EDGES).to(tl.float64)
    edge_bits = (edges.to(tl.int64, bitcast=True) >> 52) - 1022
    exponent = tl.full([], 1, tl.int64)
    if WEIGHTED:
        exponent = (tl.load(ledger + LARGEST) >> 23) - 126
    power = (_TOTAL_BITS - edge_bits - exponent + 1023) << 52
    factor = power.to(tl.float64, bitcast=True)
    strength_R = tl.zeros([ROWS], tl.int32)
    for first in range(0, tl.max(degree_R, axis=0), TILE):
        place_T = first + tl.arange(0, TILE)
        edge_RT = place_T[None, :] < degree_R[:, None]
        at_RT = begin_R[:, None] + place_T[None, :]
        if WEIGHTED:
            weight_RT = tl.load(weights_E + at_RT, mask=edge_RT, other=0.0).to(tl.float64)
        else:
            weight_RT = tl.where(edge_RT, 1.0, 0.0).to(tl.float64)
        fixed_RT = (weight_RT * factor + 0.5).to(tl.int32)
        tl.store(fixed_E + at_RT, fixed_RT, mask=edge_RT)
        strength_R += tl.sum(tl.where(edge_RT, fixed_RT, 0), axis=1)
    tl.store(strength_N + row_R, strength_R, mask=inside_R)
    zero_R = tl.zeros([ROWS], tl.int32)
    for start in range(starts):
        tl.store(labels_N + start * nodes + row_R, row_R, mask=inside_R)
        for snapshot in tl.static_range(2):
            at_R = start * room + snapshot * nodes + row_R
            tl.store(sums_SN + at_R, zero_R, mask=inside_R)
            tl.store(sizes_SN + at_R, zero_R, mask=inside_R)
    tl.atomic_add(ledger + TOTAL, tl.sum(strength_R.to(tl.int64), axis=0), sem="relaxed")
    if tl.program_id(0) == 0:
        for start in range(starts):
            tl.store(record_of(ledger + start * size, 0) + ALIVE, 1)
