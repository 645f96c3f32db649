from __future__ import annotations

import subprocess
import sys
import threading

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planted import embeddings, graph_of, labels
from scopeside.messages import Graph
from scopeside.partitions import adjusted_rand, edge_rows, edge_weights, modularity, relabelled
from scopeside.settings import GraphSettings
from scopeside.stages.communities import LouvainClusterer
from scopeside.stages.graph import build_graph

LOUVAIN = LouvainClusterer()


def planted_graph(seed: int = 0, *, edges: str = "knn") -> Graph:
    settings = GraphSettings.model_validate({"edges": edges, "threshold": 0.25})
    return build_graph(embeddings(labels([70, 50, 30]), seed=seed), settings)[0]


@pytest.mark.parametrize("edges", ["knn", "threshold"])
@pytest.mark.parametrize("seed", range(3))
def test_planted_communities_are_found(edges: str, seed: int) -> None:
    partition = LOUVAIN.partition(planted_graph(seed, edges=edges), resolution=0.5, seed=42)
    assert np.array_equal(partition.labels_N, labels([70, 50, 30]))
    assert partition.communities == 3
    assert partition.resolution == 0.5
    assert partition.stability is None


def test_modularity_is_as_good_as_the_best_of_five_runs_of_networkx() -> None:
    graph = planted_graph()
    other = nx.Graph()
    weights_E = edge_weights(graph)
    other.add_weighted_edges_from(zip(edge_rows(graph), graph.neighbours_E, weights_E, strict=True))
    for resolution in (0.3, 1.0):
        partition = LOUVAIN.partition(graph, resolution=resolution, seed=42)
        assert partition.modularity == modularity(graph, partition.labels_N, resolution)
        runs = [
            nx.community.louvain_communities(other, resolution=resolution, seed=seed)
            for seed in range(5)
        ]
        best = max(nx.community.modularity(other, run, resolution=resolution) for run in runs)
        assert partition.modularity >= best - 0.01


def test_higher_resolution_gives_more_communities() -> None:
    graph = planted_graph()
    counts = [
        LOUVAIN.partition(graph, resolution=resolution, seed=42).communities
        for resolution in (0.01, 0.5, 3.0)
    ]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]


def tied_graph() -> Graph:
    """A ring of equal weights, where every choice is a tie."""
    return graph_of([(n, (n + 1) % 60, 1.0) for n in range(59)] + [(0, 59, 1.0)], nodes=60)


@pytest.mark.parametrize("graph", [planted_graph(), tied_graph()], ids=["knn", "ties"])
def test_same_graph_resolution_and_seed_give_the_same_bits_beside_busy_threads(
    graph: Graph,
) -> None:
    alone = LOUVAIN.partition(graph, resolution=1.0, seed=7)
    stop = threading.Event()

    def disturb() -> None:
        other = planted_graph(seed=5)
        while not stop.is_set():
            LouvainClusterer().partition(other, resolution=0.7, seed=3)

    workers = [threading.Thread(target=disturb) for _ in range(2)]
    for worker in workers:
        worker.start()
    try:
        for _ in range(20):
            again = LOUVAIN.partition(graph, resolution=1.0, seed=7)
            assert again.labels_N.tobytes() == alone.labels_N.tobytes()
            assert again.modularity == alone.modularity
    finally:
        stop.set()
        for worker in workers:
            worker.join()


def test_another_process_finds_the_same_bits() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import numpy as np; from planted import embeddings, labels\n"
        "from scopeside.settings import GraphSettings\n"
        "from scopeside.stages.graph import build_graph\n"
        "from scopeside.stages.communities import LouvainClusterer\n"
        "graph, _ = build_graph(embeddings(labels([70, 50, 30]), seed=0), GraphSettings())\n"
        "found = LouvainClusterer().partition(graph, resolution=1.0, seed=7)\n"
        "sys.stdout.write(found.labels_N.tobytes().hex())\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program, _tests_folder()],
        capture_output=True,
        text=True,
        check=True,
    )
    here = LOUVAIN.partition(planted_graph(), resolution=1.0, seed=7)
    assert bytes.fromhex(answer.stdout) == here.labels_N.tobytes()


def _tests_folder() -> str:
    import planted

    return str(planted.__file__).rpartition("/")[0]


def test_graph_without_edges_is_one_community_when_weighted() -> None:
    graph = graph_of([], nodes=4)
    partition = LOUVAIN.partition(graph, resolution=1.0, seed=0)
    assert partition.labels_N.tolist() == [0, 0, 0, 0]
    assert (partition.communities, partition.modularity) == (1, 0.0)


def test_threshold_graph_without_edges_leaves_each_chip_by_itself() -> None:
    partition = LOUVAIN.partition(graph_of([], nodes=4, weighted=False), resolution=1.0, seed=0)
    assert partition.labels_N.tolist() == [0, 1, 2, 3]


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(60)))
def test_partition_does_not_depend_on_the_order_of_the_chips(order: list[int]) -> None:
    truth_N = labels([35, 25])
    values_ND = embeddings(truth_N, seed=3, distance=4.0)
    graph, _ = build_graph(values_ND[order], GraphSettings(neighbours=8))
    found_N = LOUVAIN.partition(graph, resolution=0.5, seed=42).labels_N
    assert adjusted_rand(found_N, relabelled(truth_N[order])) == 1.0


def test_name_tells_the_library_and_its_version() -> None:
    assert LOUVAIN.name.startswith("louvain/scikit-network-0.")
