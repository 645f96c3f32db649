"""What the launches of one run leave for each other: one tensor of 64-bit integers.

The head holds what is known of the whole run, then every stage has a record. A launch only reads
what launches before it wrote, except for sums that it adds to, so no order within a launch matters.

    head     EDGES, LARGEST (bits of the largest weight), TOTAL, NULL, SCORE, COMMUNITIES, CHOSEN
    record   RAN, MOVED, SQUARES by sweep, INNER by share and sweep, then ALIVE, INSIDE, PLACED

`RAN` of a sweep says that its snapshot was judged: `INNER` is then the weight inside communities
beyond `INSIDE` (what lies inside the stage's nodes) and `SQUARES` the sum of squared strengths.
`PLACED` counts the edges of the next stage that have got their place.

Every start has a ledger of its own, one behind the other. What is the same for all of them
(`EDGES`, `LARGEST`, `TOTAL`) and the answer (`COMMUNITIES`, `CHOSEN`: the start that is taken)
stand in the first one; `NULL` and `SCORE` in each.
"""

from __future__ import annotations

import triton
import triton.language as tl

from scopeside_kernels import reference_louvain as rules

SWEEPS = 32
"""Sweeps that a record holds; a power of two above those of every stage."""
SHARES = 8
"""Every row adds to `INNER`. Thousands of additions to one address would queue, so there are eight,
a power of two, whose sum counts."""
HEAD_SIZE = 8
RECORD_SIZE = (3 + SHARES) * SWEEPS + 8

EDGES = tl.constexpr(0)
LARGEST = tl.constexpr(1)
TOTAL = tl.constexpr(2)
NULL = tl.constexpr(3)
SCORE = tl.constexpr(4)
COMMUNITIES = tl.constexpr(5)
CHOSEN = tl.constexpr(6)

MOVED = tl.constexpr(SWEEPS)
SQUARES = tl.constexpr(2 * SWEEPS)
INNER = tl.constexpr(3 * SWEEPS)
ALIVE = tl.constexpr((3 + SHARES) * SWEEPS)
INSIDE = tl.constexpr((3 + SHARES) * SWEEPS + 1)
PLACED = tl.constexpr((3 + SHARES) * SWEEPS + 2)

NAME_BITS = tl.constexpr(rules.MAX_NODES.bit_length() - 1)
NAME_MASK = tl.constexpr(rules.MAX_NODES - 1)
LOWEST = tl.constexpr(-(1 << 62))
"""Below every score and every gain, which stay above -2**57."""

_SWEEPS = tl.constexpr(SWEEPS)
_SHARES = tl.constexpr(SHARES)
_HEAD = tl.constexpr(HEAD_SIZE)
_RECORD = tl.constexpr(RECORD_SIZE)


@triton.jit
def record_of(ledger: tl.tensor, stage: tl.tensor) -> tl.tensor:
    """Return a pointer to a stage's record."""
    return ledger + _HEAD + stage * _RECORD


@triton.jit
def best_start(ledger: tl.tensor, size: tl.tensor, starts: tl.tensor) -> tl.tensor:
    """Return the start with the best score, the first of equals, and that score.

    `size` is that of a ledger.
    """
    chosen = tl.full([], 0, tl.int32)
    score = tl.load(ledger + SCORE)
    for start in range(1, starts):
        other = tl.load(ledger + start * size + SCORE)
        chosen = tl.where(other > score, start, chosen)
        score = tl.maximum(score, other)
    return chosen, score


@triton.jit
def inner_at(record: tl.tensor, program: tl.tensor, sweep: tl.tensor) -> tl.tensor:
    """Return a pointer to the share of `INNER` that a program adds to."""
    return record + INNER + (program % _SHARES) * _SWEEPS + sweep


@triton.jit
def inner_of(record: tl.tensor, sweep: tl.tensor) -> tl.tensor:
    """Return the weight inside communities of one snapshot, all shares together."""
    share_I = tl.arange(0, _SHARES)
    return tl.sum(tl.load(record + INNER + share_I * _SWEEPS + sweep), axis=0)


@triton.jit
def best_before(ledger: tl.tensor, stage: tl.tensor, sweeps: tl.tensor) -> tl.tensor:
    """Return the best of the snapshots judged before sweep `sweeps`, the first of equals.

    Two integers: the sweep and its score; for a stage without any, `LOWEST`.
    """
    record = record_of(ledger, stage)
    sweep_S = tl.arange(0, _SWEEPS)
    before_S = sweep_S < sweeps
    ran_S = tl.load(record + sweep_S, mask=before_S, other=0) != 0
    share_I = tl.arange(0, _SHARES)
    at_IS = record + INNER + share_I[:, None] * _SWEEPS + sweep_S[None, :]
    inner_S = tl.sum(tl.load(at_IS, mask=before_S[None, :], other=0), axis=0)
    squares_S = tl.load(record + SQUARES + sweep_S, mask=before_S, other=0)
    null = tl.load(ledger + NULL)
    inside = tl.load(record + INSIDE)
    score_S = tl.where(ran_S, null * (inside + inner_S) - squares_S, LOWEST)
    score = tl.max(score_S, axis=0)
    best = tl.min(tl.where(score_S == score, sweep_S, _SWEEPS), axis=0)
    return best, score


@triton.jit
def best_of(ledger: tl.tensor, stage: tl.tensor) -> tl.tensor:
    """Return the best of all snapshots of a finished stage and its score."""
    return best_before(ledger, stage, _SWEEPS)


@triton.jit
def halted(
    ledger: tl.tensor,
    stage: tl.tensor,
    sweep: tl.tensor,
    PARTS: tl.constexpr,
    PATIENCE: tl.constexpr,
) -> tl.tensor:
    """Say whether a stage has ended before sweep `sweep`; once true it stays so."""
    record = record_of(ledger, stage)
    alive = tl.load(record + ALIVE) != 0
    ran = tl.load(record + tl.maximum(sweep - 1, 0), mask=sweep > 0, other=1) != 0
    part = tl.arange(0, PARTS)
    round_P = sweep - PARTS + part
    moved_P = tl.load(record + MOVED + round_P, mask=round_P >= 0, other=1)
    quiet = (sweep % PARTS == 0) & (tl.sum(moved_P, axis=0) == 0)
    best, _ = best_before(ledger, stage, sweep)
    stale = (sweep > 0) & (sweep - 1 - best >= PATIENCE)
    return (alive == 0) | (ran == 0) | quiet | stale
