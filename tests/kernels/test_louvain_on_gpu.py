"""On a card: Louvain's atomics race, and every run and every replay still gives the same bits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from awkward_graphs import knn
from kernel_canvas import DEVICE, there
from scopeside_kernels import reference_louvain as rules
from scopeside_kernels.louvain import CARD, Rows, louvain, plan

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        DEVICE == "cpu",
        reason="needs Triton itself: TRITON_INTERPRET=0, as `make test-gpu` sets it",
    ),
]

RUNS = 100


@pytest.mark.parametrize("nodes", [961, 16_384])
def test_a_hundred_runs_and_a_captured_replay_give_the_bits_of_the_definition(nodes: int) -> None:
    graph = knn(nodes, 15)
    rows = Rows.from_csr(there(graph.offsets), there(graph.neighbours_E), there(graph.weights_E))
    workspace = plan(nodes, len(graph.neighbours_E), device=DEVICE, blocks=CARD)
    wanted = rules.louvain(graph.offsets, graph.neighbours_E, graph.weights_E).labels_N
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(RUNS):
            found_N = louvain(rows, workspace).cpu().numpy()
            np.testing.assert_array_equal(found_N, wanted)
    captured = torch.cuda.CUDAGraph()
    with torch.cuda.graph(captured, stream=stream):
        louvain(rows, workspace)
    for _ in range(RUNS):
        workspace.numbers_N.fill_(-1)
        captured.replay()
        torch.cuda.synchronize()
        np.testing.assert_array_equal(workspace.numbers_N.cpu().numpy(), wanted)
