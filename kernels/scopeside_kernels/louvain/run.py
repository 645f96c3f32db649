"""The launches of one run, always the same ones in the same order.

Nothing here looks at a result: what has converged turns later launches into no-ops by what the
ledger says. So a run can be captured into a CUDA graph, and replayed on what its tensors hold.

Shape suffixes: N nodes; E places of edge arrays.
"""

from __future__ import annotations

import torch
import triton

from scopeside_kernels import reference_louvain as rules
from scopeside_kernels.louvain.cycle import restart_kernel, settle_kernel
from scopeside_kernels.louvain.join import fill_kernel, join_kernel, place_kernel
from scopeside_kernels.louvain.number import first_kernel, number_kernel, rank_kernel
from scopeside_kernels.louvain.prepare import begin_kernel, measure_kernel
from scopeside_kernels.louvain.rows import Rows, coarse_rows, require_fit
from scopeside_kernels.louvain.sweep import sweep_kernel
from scopeside_kernels.louvain.workspace import Blocks, Workspace


def louvain(rows: Rows, workspace: Workspace) -> torch.Tensor:
    """Find communities; returns `workspace.numbers_N`, labels from 0 by first nodes.

    The labels are those of `reference_louvain.louvain`, bit for bit. Launched on the current
    stream of the current device; nothing is allocated and nothing waited for. The first run
    compiles. Rows must keep their promises: they are not checked on the device.
    Raises ValueError where the graph's shape or types do not fit the workspace.
    """
    require_fit(rows, workspace)
    workspace.ledger.zero_()
    _prepare(rows, workspace)
    number = 0
    for cycle in workspace.schedule:
        _restart(workspace, alone=cycle[0].within)
        for place, stage in enumerate(cycle):
            base, apart = place == 0, place == 1 and cycle[0].within
            level = rows if base else coarse_rows(workspace)
            _sweep(level, workspace, stage, number + place, base=base)
            if place < len(cycle) - 1:
                within = stage.within
                _join(level, workspace, number + place, base=base, within=within, apart=apart)
        last = number + len(cycle) - 1
        _settle(workspace, last, base=base, apart=apart)
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


def _by_rows(workspace: Workspace) -> tuple[int, int]:
    return (triton.cdiv(workspace.nodes, workspace.blocks.rows), workspace.starts)


def _by_blocks(workspace: Workspace) -> tuple[int, int]:
    return (triton.cdiv(workspace.nodes, workspace.blocks.block), workspace.starts)


def _prepare(rows: Rows, workspace: Workspace) -> None:
    blocks = workspace.blocks
    weighted = rows.weights_E is not None
    weights_E = rows.weights_E if rows.weights_E is not None else workspace.base_fixed_E
    once = _by_rows(workspace)[:1]
    measure_kernel[once](
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
    begin_kernel[once](
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
        workspace.starts,
        workspace.room,
        workspace.ledger_size,
        WEIGHTED=weighted,
        ROWS=blocks.rows,
        TILE=blocks.tile,
        num_warps=blocks.row_warps,
    )


def _restart(workspace: Workspace, *, alone: bool) -> None:
    restart_kernel[_by_blocks(workspace)](
        workspace.base_strength_N,
        workspace.labels_N,
        workspace.bound_N,
        workspace.history_SN,
        workspace.sums_SN,
        workspace.sizes_SN,
        workspace.resolution,
        workspace.ledger,
        workspace.nodes,
        workspace.starts,
        workspace.room,
        workspace.ledger_size,
        ALONE=alone,
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
            workspace.bound_N,
            workspace.ledger,
            workspace.nodes,
            number,
            sweep,
            # As a signed number, so that every launch has the same argument type.
            salt - (1 << 32) if salt >> 31 else salt,
            int(sweep < stage.sweeps - 1),
            workspace.edges,
            workspace.room,
            workspace.ledger_size,
            BASE=base,
            WITHIN=stage.within,
            PARTS=stage.parts,
            PATIENCE=rules.patience(stage.parts),
            ROWS=workspace.blocks.rows,
            TILE=workspace.blocks.tile,
            num_warps=workspace.blocks.row_warps,
        )


def _join(
    level: Rows, workspace: Workspace, number: int, *, base: bool, within: bool, apart: bool
) -> None:
    blocks = workspace.blocks
    join_kernel[_by_rows(workspace)](
        level.begin_N,
        level.end_N,
        level.neighbours_E,
        workspace.base_fixed_E if base else workspace.weights_E,
        workspace.history_SN,
        workspace.labels_N,
        workspace.parent_N,
        workspace.keys_H,
        workspace.joint_H,
        workspace.count_N,
        workspace.ledger,
        workspace.nodes,
        number,
        workspace.places,
        workspace.edges,
        workspace.room,
        workspace.ledger_size,
        BASE=base,
        WITHIN=within,
        APART=apart,
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
        workspace.sizes_SN,
        workspace.ledger,
        workspace.nodes,
        number,
        workspace.room,
        workspace.ledger_size,
        WITHIN=within,
        BLOCK=blocks.block,
        num_warps=blocks.block_warps,
    )
    items = max(workspace.places, workspace.nodes)
    fill_kernel[(triton.cdiv(items, blocks.block), workspace.starts)](
        workspace.keys_H,
        workspace.joint_H,
        workspace.end_N,
        workspace.neighbours_E,
        workspace.weights_E,
        workspace.strength_N,
        workspace.parent_N,
        workspace.history_SN,
        workspace.sums_SN,
        workspace.sizes_SN,
        workspace.ledger,
        workspace.nodes,
        number,
        workspace.places,
        workspace.edges,
        workspace.room,
        workspace.ledger_size,
        blocks.rows * blocks.tile,
        WITHIN=within,
        BLOCK=blocks.block,
        num_warps=blocks.block_warps,
    )


def _settle(workspace: Workspace, last: int, *, base: bool, apart: bool) -> None:
    settle_kernel[_by_blocks(workspace)](
        workspace.history_SN,
        workspace.labels_N,
        workspace.sums_SN,
        workspace.sizes_SN,
        workspace.first_N,
        workspace.ledger,
        workspace.nodes,
        last,
        workspace.room,
        workspace.ledger_size,
        BASE=base,
        APART=apart,
        BLOCK=workspace.blocks.block,
        num_warps=workspace.blocks.block_warps,
    )


def _number(workspace: Workspace) -> None:
    blocks = workspace.blocks
    once = _by_blocks(workspace)[:1]
    first_kernel[once](
        workspace.labels_N,
        workspace.first_N,
        workspace.ledger,
        workspace.nodes,
        workspace.starts,
        workspace.ledger_size,
        BLOCK=blocks.block,
        num_warps=blocks.block_warps,
    )
    rank_kernel[(1,)](
        workspace.labels_N,
        workspace.first_N,
        workspace.rank_N,
        workspace.ledger,
        workspace.nodes,
        workspace.starts,
        workspace.ledger_size,
        BLOCK=_rank_block(blocks),
        num_warps=2 * blocks.block_warps,
    )
    number_kernel[once](
        workspace.labels_N,
        workspace.first_N,
        workspace.rank_N,
        workspace.numbers_N,
        workspace.nodes,
        BLOCK=blocks.block,
        num_warps=blocks.block_warps,
    )
