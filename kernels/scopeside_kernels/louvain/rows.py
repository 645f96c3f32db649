"""Graphs as the kernels walk them: rows of edges in one array.

Shape suffixes: N nodes; E places of edge arrays.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from scopeside_kernels.louvain.workspace import Workspace


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


def require_fit(rows: Rows, workspace: Workspace) -> None:
    """Raise ValueError where the graph's shape or types do not fit the workspace."""
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


def coarse_rows(workspace: Workspace) -> Rows:
    """Return the workspace's own rows of every start, with the integer weights."""
    return Rows(
        begin_N=workspace.begin_N,
        end_N=workspace.end_N,
        neighbours_E=workspace.neighbours_E,
        weights_E=workspace.weights_E,
    )
