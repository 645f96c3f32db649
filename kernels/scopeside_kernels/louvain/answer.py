"""The result of a run on the host."""

from __future__ import annotations

from scopeside_kernels import reference_louvain as rules
from scopeside_kernels.louvain.ledger import (
    ALIVE,
    CHOSEN,
    COMMUNITIES,
    HEAD_SIZE,
    NULL,
    RECORD_SIZE,
    SCORE,
    SWEEPS,
    TOTAL,
)
from scopeside_kernels.louvain.workspace import Workspace


def read(workspace: Workspace) -> rules.Louvain:
    """Wait for the last run and return its result on the host."""
    ledger_A = workspace.ledger.cpu()
    head = ledger_A[0, :HEAD_SIZE].tolist()
    total, null, score = head[TOTAL.value], head[NULL.value], head[SCORE.value]
    start = head[CHOSEN.value]
    records = ledger_A[start, HEAD_SIZE:].view(-1, RECORD_SIZE)[:-1]
    ran = records[records[:, ALIVE.value] != 0, :SWEEPS].sum(dim=1)
    return rules.Louvain(
        labels_N=workspace.numbers_N.cpu().numpy().copy(),
        communities=head[COMMUNITIES.value],
        modularity=rules.score_modularity(score, total, null),
        score=score,
        start=start,
        sweeps=tuple(ran.tolist()),
    )
