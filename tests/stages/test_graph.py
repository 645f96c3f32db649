from __future__ import annotations

import numpy as np
import pytest

from planted import embeddings, labels
from scopeside.messages import Graph
from scopeside.partitions import edge_rows
from scopeside.settings import GraphSettings
from scopeside.stages.graph import build_graph


def dense(graph: Graph) -> np.ndarray:
    matrix_NN = np.zeros((graph.nodes, graph.nodes))
    weights_E = 1.0 if graph.weights_E is None else graph.weights_E
    matrix_NN[edge_rows(graph), graph.neighbours_E] = weights_E
    return matrix_NN


@pytest.mark.parametrize("edges", ["knn", "threshold"])
def test_graph_is_symmetric_sorted_and_free_of_loops(edges: str) -> None:
    settings = GraphSettings.model_validate({"edges": edges, "threshold": 0.2})
    graph, _ = build_graph(embeddings(labels([30, 20]), seed=0), settings)
    matrix_NN = dense(graph)
    assert graph.edges > 0
    assert np.array_equal(matrix_NN, matrix_NN.T)
    assert not np.diag(matrix_NN).any()
    for start, stop in zip(graph.offsets[:-1], graph.offsets[1:], strict=True):
        assert (np.diff(graph.neighbours_E[start:stop]) > 0).all()


def test_knn_weights_are_cosine_similarities_after_centring() -> None:
    values_ND = embeddings(labels([12, 12]), seed=0)
    graph, unit_ND = build_graph(values_ND, GraphSettings(neighbours=4))
    centred_ND = values_ND - values_ND.mean(axis=0, dtype=np.float64)
    centred_ND /= np.linalg.norm(centred_ND, axis=1, keepdims=True)
    matrix_NN, cosine_NN = dense(graph), centred_ND @ centred_ND.T
    joined_NN = matrix_NN > 0
    assert matrix_NN[joined_NN] == pytest.approx(cosine_NN[joined_NN], abs=1e-5)
    assert unit_ND == pytest.approx(centred_ND, abs=1e-5)
    np.fill_diagonal(cosine_NN, -1)
    for row in range(24):
        assert joined_NN[row, np.argsort(-cosine_NN[row])[:4]].all()


def test_centring_can_be_left_out() -> None:
    _, unit_ND = build_graph(embeddings(labels([9, 9]), seed=0), GraphSettings(centred=False))
    assert (unit_ND > 0).all()  # the cone of an encoder, which centring would have spread


def test_threshold_graph_has_no_weights_and_obeys_the_cut() -> None:
    settings = GraphSettings(edges="threshold", threshold=0.3)
    graph, unit_ND = build_graph(embeddings(labels([20, 20]), seed=0), settings)
    similarity_NN = unit_ND.astype(np.float64) @ unit_ND.T.astype(np.float64)
    np.fill_diagonal(similarity_NN, -1)
    assert graph.weights_E is None
    assert np.array_equal(dense(graph) > 0, similarity_NN >= 0.3)


def test_equal_chips_have_no_edges() -> None:
    graph, _ = build_graph(np.ones((9, 4), np.float32), GraphSettings())
    assert (graph.nodes, graph.edges) == (9, 0)
    assert graph.weights_E is not None


def test_a_single_chip_makes_a_graph_of_one_node() -> None:
    for settings in (GraphSettings(), GraphSettings(edges="threshold", centred=False)):
        graph, _ = build_graph(np.ones((1, 4), np.float32), settings)
        assert (graph.nodes, graph.edges) == (1, 0)
