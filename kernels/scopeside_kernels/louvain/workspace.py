"""Everything a run needs, allocated once when a chip grid is planned.

Shape suffixes: N nodes; E places of edge arrays; H places of the hash table; S snapshots. Where
every start has its own, the tensor has one more axis, the first; kernels see one start's part.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton

from scopeside_kernels import reference_louvain as rules
from scopeside_kernels.louvain.ledger import HEAD_SIZE, RECORD_SIZE, SWEEPS


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """How launches are cut into programs; no result depends on it. All are powers of two.

    `rows` rows and `tile` edges of each are looked at together where rows are walked, `block`
    items elsewhere. A block of rows must have an edge for every thread: in the hash table's
    compare-and-swap two threads with the same edge would take each other for strangers.
    """

    rows: int
    tile: int
    row_warps: int
    block: int
    block_warps: int


CARD = Blocks(rows=1, tile=32, row_warps=1, block=256, block_warps=4)
"""A warp a row: a row of a 15-NN graph mostly fits a tile, long rows hold up nobody but themselves,
and a single warp hardly meets a barrier. Reasoned, not tuned."""
INTERPRETER = Blocks(rows=128, tile=32, row_warps=1, block=4096, block_warps=4)
"""Triton's interpreter pays by the operation, not by the element."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """Tensors of a run over a fixed number of nodes and at most `edges` places for edges.

    `numbers_N` (int32) holds the labels after a run. Before the first run the hash tables must be
    empty, their counts zero; every run leaves them so.
    """

    nodes: int
    edges: int
    places: int
    starts: int
    schedule: rules.Schedule
    blocks: Blocks
    resolution: torch.Tensor
    ledger: torch.Tensor
    numbers_N: torch.Tensor
    labels_N: torch.Tensor
    parent_N: torch.Tensor
    bound_N: torch.Tensor
    first_N: torch.Tensor
    rank_N: torch.Tensor
    count_N: torch.Tensor
    history_SN: torch.Tensor
    sums_SN: torch.Tensor
    sizes_SN: torch.Tensor
    base_fixed_E: torch.Tensor
    base_strength_N: torch.Tensor
    begin_N: torch.Tensor
    end_N: torch.Tensor
    neighbours_E: torch.Tensor
    weights_E: torch.Tensor
    strength_N: torch.Tensor
    keys_H: torch.Tensor
    joint_H: torch.Tensor

    @property
    def room(self) -> int:
        """From one start to the next in tensors of snapshots."""
        return self.history_SN.stride(0)

    @property
    def ledger_size(self) -> int:
        """From one start's ledger to the next."""
        return self.ledger.stride(0)

    def set_resolution(self, resolution: float) -> None:
        """Write the resolution for the next runs, captured ones included.

        Raises GraphBoundsError outside `MIN_RESOLUTION` to `MAX_RESOLUTION`.
        """
        self.resolution.fill_(rules.resolution_fixed(resolution))


def plan(
    nodes: int,
    edges: int,
    *,
    device: torch.device | str,
    resolution: float = 1.0,
    schedule: rules.Schedule = rules.SCHEDULE,
    blocks: Blocks | None = None,
    starts: int | None = None,
) -> Workspace:
    """Allocate for graphs of `nodes` nodes whose edge arrays have at most `edges` places.

    For k nearest neighbours of n rows joined both ways that is `2 * k * n`. `starts` None means as
    many as `reference_louvain.starts_of` says. Raises
    GraphBoundsError beyond the bounds of `reference_louvain` and ValueError for a schedule that
    the ledger cannot hold.
    """
    device = torch.device(device)
    if not 1 <= nodes <= rules.MAX_NODES or edges > rules.MAX_EDGES:
        raise rules.GraphBoundsError(
            f"{nodes} nodes and {edges} directed edges are not within 1 to {rules.MAX_NODES} and"
            f" {rules.MAX_EDGES}, which fit the integers of this Louvain."
        )
    rules.require_schedule(schedule)
    starts = rules.starts_of(nodes) if starts is None else starts
    stages = [stage for cycle in schedule for stage in cycle]
    if any(not 1 <= stage.sweeps <= SWEEPS or stage.parts not in (1, 2, 4, 8) for stage in stages):
        raise ValueError(f"Stages have 1 to {SWEEPS} sweeps and 1, 2, 4 or 8 parts.")
    if blocks is None:
        blocks = CARD if device.type == "cuda" else INTERPRETER
    if blocks.rows * blocks.tile < 32 * blocks.row_warps:
        raise ValueError("Blocks of rows must have at least one edge for every thread.")
    snapshots = max(stage.sweeps for stage in stages) + 2
    places = triton.next_power_of_2(max(2 * edges, 2))

    def integers(*shape: int, dtype: torch.dtype = torch.int32) -> torch.Tensor:
        return torch.zeros(shape, dtype=dtype, device=device)

    keys_H = integers(starts, places + blocks.rows * blocks.tile, dtype=torch.int64)
    keys_H[:, places:] = -1
    workspace = Workspace(
        nodes=nodes,
        edges=edges,
        places=places,
        starts=starts,
        schedule=schedule,
        blocks=blocks,
        resolution=integers(1, dtype=torch.int64),
        # One record more: the last stage of a cycle says there whether the next one begins.
        ledger=integers(starts, HEAD_SIZE + (len(stages) + 1) * RECORD_SIZE, dtype=torch.int64),
        numbers_N=integers(nodes),
        labels_N=integers(starts, nodes),
        parent_N=integers(starts, nodes),
        bound_N=integers(starts, nodes, dtype=torch.int64),
        first_N=integers(nodes),
        rank_N=integers(nodes),
        count_N=integers(starts, nodes),
        history_SN=integers(starts, snapshots, nodes),
        sums_SN=integers(starts, snapshots, nodes),
        sizes_SN=integers(starts, snapshots, nodes),
        base_fixed_E=integers(edges),
        base_strength_N=integers(nodes),
        begin_N=integers(starts, nodes),
        end_N=integers(starts, nodes),
        neighbours_E=integers(starts, edges),
        weights_E=integers(starts, edges),
        strength_N=integers(starts, nodes),
        keys_H=keys_H,
        joint_H=integers(starts, places),
    )
    workspace.set_resolution(resolution)
    return workspace
