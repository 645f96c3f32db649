from __future__ import annotations

import numpy as np
import pytest

from planted import embeddings, labels
from scopeside.messages import Graph
from scopeside.partitions import edge_rows
from scopeside.settings import GraphSettings
from scopeside.stages.graph import build_graph
from scopeside.thinning import Thinning


@pytest.fixture(scope="module")
def graph() -> Graph:
    return build_graph(embeddings(labels([60, 60]), seed=1), GraphSettings())[0]


def edges(graph: Graph) -> dict[tuple[int, int], float]:
    weights_E = graph.weights_E if graph.weights_E is not None else np.ones(2 * graph.edges)
    pairs = zip(edge_rows(graph).tolist(), graph.neighbours_E.tolist(), strict=True)
    return dict(zip(pairs, weights_E.tolist(), strict=True))


def test_thinned_graph_keeps_edges_in_both_directions_with_their_weights(graph: Graph) -> None:
    kept = edges(Thinning(graph, seed=42).draw(0, share=0.25))
    before = edges(graph)
    assert kept.items() <= before.items()
    assert {(b, a) for a, b in kept} == kept.keys()


def test_about_the_share_asked_for_is_taken_away(graph: Graph) -> None:
    for number in range(5):
        left = Thinning(graph, seed=42).draw(number, share=0.25).edges / graph.edges
        assert left == pytest.approx(0.75, abs=0.06)  # four deviations of 1,300 coin tosses


def test_nothing_and_everything_can_be_taken_away(graph: Graph) -> None:
    thinning = Thinning(graph, seed=42)
    assert edges(thinning.draw(0, share=0.0)) == edges(graph)
    nothing = thinning.draw(0, share=1 - 1e-12)
    assert nothing.edges == 0
    assert nothing.nodes == graph.nodes


def test_draws_differ_by_number_and_seed_and_repeat_exactly(graph: Graph) -> None:
    kept = edges(Thinning(graph, seed=42).draw(0, share=0.25)).keys()
    assert kept == edges(Thinning(graph, seed=42).draw(0, share=0.25)).keys()
    assert kept != edges(Thinning(graph, seed=42).draw(1, share=0.25)).keys()
    assert kept != edges(Thinning(graph, seed=43).draw(0, share=0.25)).keys()


def test_unweighted_graph_stays_unweighted(graph: Graph) -> None:
    bare = Graph(offsets=graph.offsets, neighbours_E=graph.neighbours_E, weights_E=None)
    assert Thinning(bare, seed=1).draw(0, share=0.25).weights_E is None
