"""Of all starts the best one, and its labels from 0 in the order of first nodes: three launches.

Shape suffixes: N nodes; B nodes of a block.
"""

from __future__ import annotations

import triton
import triton.language as tl

from scopeside_kernels.louvain.ledger import CHOSEN, COMMUNITIES, NULL, SCORE, TOTAL, best_start


@triton.jit
def whole_score(ledger: tl.tensor) -> tl.tensor:
    """Return the score of one community of all nodes."""
    total = tl.load(ledger + TOTAL)
    return tl.load(ledger + NULL) * total - total * total


@triton.jit(do_not_specialize=["nodes", "starts", "size"])
def first_kernel(
    labels_N: tl.tensor,
    first_N: tl.tensor,
    ledger: tl.tensor,
    nodes: tl.tensor,
    starts: tl.tensor,
    size: tl.tensor,
    BLOCK: tl.constexpr,
) -> None:
    """Find the first node of every label; one label for all where that is better.

    From here on the labels stand where those of the first start stood.
    """
    node_B = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside_B = node_B < nodes
    chosen, score = best_start(ledger, size, starts)
    label_B = tl.load(labels_N + chosen * nodes + node_B, mask=inside_B, other=0)
    label_B = tl.where(whole_score(ledger) > score, 0, label_B)
    tl.store(labels_N + node_B, label_B, mask=inside_B)
    tl.atomic_min(first_N + label_B, node_B, mask=inside_B, sem="relaxed")


@triton.jit(do_not_specialize=["nodes", "starts", "size"])
def rank_kernel(
    labels_N: tl.tensor,
    first_N: tl.tensor,
    rank_N: tl.tensor,
    ledger: tl.tensor,
    nodes: tl.tensor,
    starts: tl.tensor,
    size: tl.tensor,
    BLOCK: tl.constexpr,
) -> None:
    """Count the first nodes before each node. One program: a scan that needs no second pass."""
    before = tl.full([], 0, tl.int32)
    for start in range(0, nodes, BLOCK):
        node_B = start + tl.arange(0, BLOCK)
        inside_B = node_B < nodes
        label_B = tl.load(labels_N + node_B, mask=inside_B, other=0)
        first_B = tl.load(first_N + label_B, mask=inside_B, other=-1)
        leads_B = (first_B == node_B).to(tl.int32)
        rank_B = before + tl.cumsum(leads_B, axis=0) - leads_B
        tl.store(rank_N + node_B, rank_B, mask=inside_B)
        before += tl.sum(leads_B, axis=0)
    tl.store(ledger + COMMUNITIES, before.to(tl.int64))
    chosen, score = best_start(ledger, size, starts)
    tl.store(ledger + CHOSEN, chosen.to(tl.int64))
    tl.store(ledger + SCORE, tl.maximum(score, whole_score(ledger)))


@triton.jit(do_not_specialize=["nodes"])
def number_kernel(
    labels_N: tl.tensor,
    first_N: tl.tensor,
    rank_N: tl.tensor,
    numbers_N: tl.tensor,
    nodes: tl.tensor,
    BLOCK: tl.constexpr,
) -> None:
    """Write every node's number."""
    node_B = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside_B = node_B < nodes
    label_B = tl.load(labels_N + node_B, mask=inside_B, other=0)
    first_B = tl.load(first_N + label_B, mask=inside_B, other=0)
    number_B = tl.load(rank_N + first_B, mask=inside_B, other=0)
    tl.store(numbers_N + node_B, number_B, mask=inside_B)
