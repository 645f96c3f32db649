"""Louvain communities on a device, bit for bit those of `reference_louvain`.

    workspace = plan(nodes, edges, device="cuda")     # at planning time
    labels_N = louvain(Rows.from_csr(offsets, neighbours_E, weights_E), workspace)

Proven in Triton's interpreter and compiled for cards from sm_80 to sm_120.
"""

from scopeside_kernels.louvain.answer import read
from scopeside_kernels.louvain.rows import Rows
from scopeside_kernels.louvain.run import launches, louvain
from scopeside_kernels.louvain.workspace import CARD, INTERPRETER, Blocks, Workspace, plan

__all__ = [
    "CARD",
    "INTERPRETER",
    "Blocks",
    "Rows",
    "Workspace",
    "launches",
    "louvain",
    "plan",
    "read",
]
