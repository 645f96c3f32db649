"""The launches of one run, always the same ones in the same order.

Nothing here looks at a result: what has converged turns later launches into no-ops by what the
ledger says. So a run can be captured into a CUDA graph, and replayed on what its tensors hold.

Shape suffixes: N nodes; E places of edge arrays.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton

from scopeside_kernels import reference_louvain as rules
from scopeside_kernels.louvain.cycle import restart_kernel, settle_kernel
from scopeside_kernels.louvain.join import fill_kernel, join_kernel, place_kernel
from scopeside_kernels.louvain.ledger import (
    ALIVE,
    COMMUNITIES,
    HEAD_SIZE,
    NULL,
    RECORD_SIZE,
    SCORE,
    SWEEPS,
    TOTAL,
)
from scopeside_kernels.louvain.number import first_kernel, number_kernel, rank_kernel
from scopeside_kernels.louvain.prepare import begin_kernel, measure_kernel
from scopeside_kernels.louvain.sweep import sweep_kernel
from scopeside_kernels.louvain.workspace import Blocks, Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A symmetric graph without loops: row i holds edges `begin_N[i]` to `end_N[i]`.

    CSR (`from_csr`) and ELL (begins at multiples of the width) are both of this form, and hubs
    need no place of their own: a row is as long as it is. Offsets are int32 or int64,
    neighbours int32, weights float32, finite and not negative, or None for ones. Places between
    rows may hold anything.
    """

    begin_N: torch.Tensor
    end_N: torch.Tensor
    neighbours_E: torch.Tensor
    weights_E: torch.Tensor | None

    @classmethod
    def from_csr(
        cls, offsets: torch.Tensor, neighbours_E: torch.Tensor, weights_E: torch.Tensor | None
    ) -> Rows:
        return cls(
            begin_N=offsets[:-1], end_N=offsets[1:], neighbours_E=neighbours_E, weights_E=weights_E
        )


def louvain(rows: Rows, workspace: Workspace) -> torch.Tensor:
    """Find communities; returns `workspace.numbers_N`, labels from 0 by first nodes.

    The labels are those of `reference_louvain.louvain`, bit for bit. Launched on the current
    stream of the current device; nothing is allocated and nothing waited for. The first run
    compiles. Rows must keep their promises: they are not checked on the device.
    Raises ValueError where the graph's shape or types do not fit the workspace.
    """
    _check(rows, workspace)
    workspace.ledger.zero_()
    _prepare(rows, workspace)
    number = 0
    for cycle in workspace.schedule:
        _restart(workspace, number)
        for place, stage in enumerate(cycle):
            level = rows if place == 0 else _coarse(workspace)
            _sweep(level, workspace, stage, number + place, base=place == 0)
            if place < len(cycle) - 1:
                _join(level, workspace, number + place, base=place == 0)
        last = number + len(cycle) - 1
        _settle(workspace, last, number, base=len(cycle) == 1)
        number = last + 1
    _number(workspace)
    return workspace.numbers_N


def launches(schedule: rules.Schedule) -> int:
    """Kernels that one run launches, beside the clearing of the ledger."""
    sweeps = sum(stage.sweeps for cycle in schedule for stage in cycle)
    return 5 + sweeps + sum(2 + 3 * (len(cycle) - 1) for cycle in schedule)


def _rank_block(blocks: Blocks) -> int:
    """Nodes that the one program of the final scan looks at together."""
    return max(blocks.block, 1024)


def read(workspace: Workspace) -> rules.Louvain:
    """Wait for the last run and return its result on the host."""
    ledger = workspace.ledger.cpu()
    head = ledger[:HEAD_SIZE].tolist()
    total, null, score = head[TOTAL.value], head[NULL.value], head[SCORE.value]
    records = ledger[HEAD_SIZE:].view(-1, RECORD_SIZE)[:-1]
    ran = records[records[:, ALIVE.value] != 0, :SWEEPS].sum(dim=1)
    return rules.Louvain(
        labels_N=workspace.numbers_N.cpu().numpy().copy(),
        communities=head[COMMUNITIES.value],
        modularity=rules.score_modularity(score, total, null),
        score=score,
        sweeps=tuple(ran.tolist()),
    )


def _check(rows: Rows, workspace: Workspace) -> None:
    nodes, edges = len(rows.begin_N), len(rows.neighbours_E)
    if nodes != workspace.nodes or len(rows.end_N) != nodes or edges > workspace.edges:
        raise ValueError(
            f"The workspace was planned for {workspace.nodes} nodes and {workspace.edges} places"
            f" for edges; the graph has {nodes} and {edges}."
        )
    if rows.neighbours_E.dtype != torch.int32:
        raise ValueError(f"Neighbours are int32, not {rows.neighbours_E.dtype}.")
    if rows.weights_E is None:
        return
    if rows.weights_E.dtype != torch.float32 or len(rows.weights_E) != edges:
        raise ValueError("Weights are float32, one for each place of the neighbours.")


def _coarse(workspace: Workspace) -> Rows:
    """The workspace's own rows, with the integer weights."""
    return Rows(
        begin_N=workspace.begin_N,
        end_N=workspace.end_N,
        neighbours_E=workspace.neighbours_E,
        weights_E=workspace.weights_E,
    )


def _by_rows(workspace: Workspace) -> tuple[int]:
    return (triton.cdiv(workspace.nodes, workspace.blocks.rows),)


def _by_blocks(workspace: Workspace) -> tuple[int]:
    return (triton.cdiv(workspace.nodes, workspace.blocks.block),)


def _prepare(rows: Rows, workspace: Workspace) -> None:
    blocks = workspace.blocks
    weighted = rows.weights_E is not None
    weights_E = rows.weights_E if rows.weights_E is not None else workspace.base_fixed_E
    measure_kernel[_by_rows(workspace)](
        rows.begin_N,
        rows.end_N,
        weights_E,
        workspace.ledger,
        workspace.nodes,
        WEIGHTED=weighted,
        ROWS=blocks.rows,
        TILE=blocks.tile,
        num_warps=blocks.row_warps,
    )
    begin_kernel[_by_rows(workspace)](
        rows.begin_N,
        rows.end_N,
        weights_E,
        workspace.base_fixed_E,
        workspace.base_strength_N,
        workspace.labels_N,
        workspace.sums_SN,
        workspace.sizes_SN,
        workspace.ledger,
        workspace.nodes,
        WEIGHTED=weighted,
        ROWS=blocks.rows,
        TILE=blocks.tile,
        num_warps=blocks.row_warps,
    )


def _restart(workspace: Workspace, number: int) -> None:
    restart_kernel[_by_blocks(workspace)](
        workspace.base_strength_N,
        workspace.labels_N,
        workspace.history_SN,
        workspace.sums_SN,
        workspace.sizes_SN,
        workspace.resolution,
        workspace.ledger,
        workspace.nodes,
        number,
        BLOCK=workspace.blocks.block,
        num_warps=workspace.blocks.block_warps,
    )


def _sweep(
    level: Rows, workspace: Workspace, stage: rules.Stage, number: int, *, base: bool
) -> None:
    for sweep in range(stage.sweeps):
        salt = rules.salt(number, sweep, stage.parts)
        sweep_kernel[_by_rows(workspace)](
            level.begin_N,
            level.end_N,
            level.neighbours_E,
            workspace.base_fixed_E if base else workspace.weights_E,
            workspace.base_strength_N if base else workspace.strength_N,
            workspace.history_SN,
            workspace.sums_SN,
            workspace.sizes_SN,
            workspace.ledger,
            workspace.nodes,
            number,
            sweep,
            # As a signed number, so that every launch has the same argument type.
            salt - (1 << 32) if salt >> 31 else salt,
            int(sweep < stage.sweeps - 1),
            PARTS=stage.parts,
            PATIENCE=rules.patience(stage.parts),
            ROWS=workspace.blocks.rows,
            TILE=workspace.blocks.tile,
            num_warps=workspace.blocks.row_warps,
        )


def _join(level: Rows, workspace: Workspace, number: int, *, base: bool) -> None:
    blocks = workspace.blocks
    join_kernel[_by_rows(workspace)](
        level.begin_N,
        level.end_N,
        level.neighbours_E,
        workspace.base_fixed_E if base else workspace.weights_E,
        workspace.history_SN,
        workspace.labels_N,
        workspace.keys_H,
        workspace.joint_H,
        workspace.count_N,
        workspace.ledger,
        workspace.nodes,
        number,
        workspace.places,
        BASE=base,
        ROWS=blocks.rows,
        TILE=blocks.tile,
        num_warps=blocks.row_warps,
    )
    place_kernel[_by_blocks(workspace)](
        workspace.count_N,
        workspace.begin_N,
        workspace.end_N,
        workspace.strength_N,
        workspace.sums_SN,
        workspace.ledger,
        workspace.nodes,
        number,
        BLOCK=blocks.block,
        num_warps=blocks.block_warps,
    )
    items = max(workspace.places, workspace.nodes)
    fill_kernel[(triton.cdiv(items, blocks.block),)](
        workspace.keys_H,
        workspace.joint_H,
        workspace.end_N,
        workspace.neighbours_E,
        workspace.weights_E,
        workspace.strength_N,
        workspace.history_SN,
        workspace.sums_SN,
        workspace.sizes_SN,
        workspace.ledger,
        workspace.nodes,
        number,
        workspace.places,
        BLOCK=blocks.block,
        num_warps=blocks.block_warps,
    )


def _settle(workspace: Workspace, last: int, first: int, *, base: bool) -> None:
    settle_kernel[_by_blocks(workspace)](
        workspace.history_SN,
        workspace.labels_N,
        workspace.sums_SN,
        workspace.sizes_SN,
        workspace.first_N,
        workspace.ledger,
        workspace.nodes,
        last,
        first,
        BASE=base,
        BLOCK=workspace.blocks.block,
        num_warps=workspace.blocks.block_warps,
    )


def _number(workspace: Workspace) -> None:
    blocks = workspace.blocks
    first_kernel[_by_blocks(workspace)](
        workspace.labels_N,
        workspace.first_N,
        workspace.ledger,
        workspace.nodes,
        BLOCK=blocks.block,
        num_warps=blocks.block_warps,
    )
    rank_kernel[(1,)](
        workspace.labels_N,
        workspace.first_N,
        workspace.rank_N,
        workspace.ledger,
        workspace.nodes,
        BLOCK=_rank_block(blocks),
        num_warps=2 * blocks.block_warps,
    )
    number_kernel[_by_blocks(workspace)](
        workspace.labels_N,
        workspace.first_N,
        workspace.rank_N,
        workspace.numbers_N,
        workspace.nodes,
        BLOCK=blocks.block,
        num_warps=blocks.block_warps,
    )
