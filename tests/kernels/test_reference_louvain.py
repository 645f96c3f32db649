"""The parallel Louvain against its rules written plainly, and what must hold of any partition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from awkward_graphs import GRAPHS, knn, planted, ring, star
from planted import graph_of
from scopeside.messages import Graph
from scopeside.partitions import adjusted_rand, modularity, relabelled
from scopeside_kernels import reference_louvain as rules
from scopeside_kernels.reference_louvain import GraphBoundsError, Louvain, Stage, louvain
from slow_louvain import slow_louvain

SHORT = (
    (Stage(5, 2), Stage(6, 4)),
    (Stage(4, 2, within=True), Stage(5, 2)),
    (Stage(4, 2),),
)


def found(
    graph: Graph,
    *,
    resolution: float = 1.0,
    schedule: rules.Schedule = rules.SCHEDULE,
    starts: int | None = None,
) -> Louvain:
    return louvain(
        graph.offsets,
        graph.neighbours_E,
        graph.weights_E,
        resolution=resolution,
        schedule=schedule,
        starts=starts,
    )


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Up to 14 nodes; weights from a few values, so that ties are common."""
    nodes = draw(st.integers(1, 14))
    pairs = [(i, j) for j in range(nodes) for i in range(j)]
    weights = st.sampled_from([0.0, 0.25, 0.5, 1.0, 0.7, 3.0])
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    return graph_of([(i, j, draw(weights)) for i, j in chosen], nodes=nodes)


RESOLUTIONS = st.sampled_from([1 / 64, 0.2, 0.5, 1.0, 1.7, 8.0])


@settings(max_examples=100, deadline=None)
@given(graphs(), RESOLUTIONS, st.sampled_from([SHORT, rules.SCHEDULE]), st.integers(1, 3))
def test_labels_and_score_are_those_of_the_rules_written_plainly(
    graph: Graph, resolution: float, schedule: rules.Schedule, starts: int
) -> None:
    got = found(graph, resolution=resolution, schedule=schedule, starts=starts)
    labels, score = slow_louvain(graph, resolution, schedule, starts)
    assert got.labels_N.tolist() == labels
    assert got.score == score


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("resolution", [0.3, 1.0, 2.5])
def test_awkward_graphs_are_partitioned_by_the_rules(name: str, resolution: float) -> None:
    graph = GRAPHS[name]()
    got = found(graph, resolution=resolution, starts=2)
    labels, score = slow_louvain(graph, resolution, rules.SCHEDULE, 2)
    assert got.labels_N.tolist() == labels
    assert got.score == score


@settings(max_examples=100, deadline=None)
@given(graphs(), RESOLUTIONS)
def test_labels_are_numbered_by_first_nodes_and_modularity_beats_the_trivial_partitions(
    graph: Graph, resolution: float
) -> None:
    assume(graph.weights_E is None or graph.weights_E.any() or not graph.edges)
    got = found(graph, resolution=resolution)
    assert got.labels_N.dtype == np.int32
    assert np.array_equal(got.labels_N, relabelled(got.labels_N))
    assert got.communities == int(got.labels_N.max()) + 1
    single = modularity(graph, np.arange(graph.nodes), resolution)
    whole = modularity(graph, np.zeros(graph.nodes, np.int64), resolution)
    assert got.modularity >= max(single, whole) - 1e-6 * max(1.0, resolution)


@pytest.mark.parametrize("name", ["knn", "threshold", "planted", "ring", "torus", "star", "apart"])
@pytest.mark.parametrize("resolution", [0.2, 1.0, 3.0])
def test_modularity_is_that_of_the_labels(name: str, resolution: float) -> None:
    graph = GRAPHS[name]()
    got = found(graph, resolution=resolution)
    wanted = modularity(graph, got.labels_N, resolution)
    assert got.modularity == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("graph", [knn(150, 10), planted(96, 3), planted(128, 4)])
def test_planted_groups_are_found(graph: Graph) -> None:
    got = found(graph, resolution=0.5)
    truth_N = (
        np.repeat([0, 1, 2], [75, 50, 25])
        if graph.nodes == 150
        else np.arange(graph.nodes) % (3 if graph.nodes == 96 else 4)
    )
    assert adjusted_rand(got.labels_N, truth_N) == 1.0


def test_modularity_is_within_a_percent_of_the_best_of_five_sequential_runs() -> None:
    nx = pytest.importorskip("networkx")
    graph = knn(300, 10, seed=3)
    other = nx.Graph()
    rows = np.repeat(np.arange(graph.nodes), np.diff(graph.offsets))
    assert graph.weights_E is not None
    weights = graph.weights_E.astype(float)
    other.add_weighted_edges_from(zip(rows, graph.neighbours_E, weights, strict=True))
    runs = [nx.community.louvain_communities(other, seed=seed) for seed in range(5)]
    best = max(nx.community.modularity(other, run) for run in runs)
    assert found(graph).modularity >= 0.99 * best


def test_components_are_never_joined_and_nodes_without_edges_stay_alone() -> None:
    got = found(GRAPHS["apart"](), resolution=0.1)
    assert got.labels_N.tolist() == [0, 1, 2, 3, 1, 4, 1, 2, 5, 2, 3]


def test_graph_without_edges_leaves_every_node_alone() -> None:
    got = found(graph_of([], nodes=4))
    assert got.labels_N.tolist() == [0, 1, 2, 3]
    assert (got.communities, got.modularity, got.score) == (4, 0.0, 0)


def test_unweighted_and_equal_weights_are_the_same() -> None:
    graph = planted()
    bare = Graph(offsets=graph.offsets, neighbours_E=graph.neighbours_E, weights_E=None)
    assert np.array_equal(found(graph).labels_N, found(bare).labels_N)
    assert found(graph).score == found(bare).score


@settings(max_examples=30, deadline=None)
@given(st.integers(-60, 60))
def test_scaling_all_weights_by_a_power_of_two_changes_nothing(power: int) -> None:
    graph = knn()
    assert graph.weights_E is not None
    scaled = Graph(
        offsets=graph.offsets,
        neighbours_E=graph.neighbours_E,
        weights_E=np.ldexp(graph.weights_E, power).astype(np.float32),
    )
    assert found(scaled).score == found(graph).score
    assert np.array_equal(found(scaled).labels_N, found(graph).labels_N)


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(150)))
def test_clear_groups_are_found_in_whatever_order_the_nodes_come(order: list[int]) -> None:
    graph = knn(150, 10)
    place_N = np.argsort(order)
    rows = np.repeat(np.arange(150), np.diff(graph.offsets))
    edges = [
        (int(place_N[i]), int(place_N[j]), float(w))
        for i, j, w in zip(rows, graph.neighbours_E, graph.weights_E, strict=True)
        if i < j
    ]
    got = found(graph_of(edges, nodes=150), resolution=0.5)
    truth_N = np.repeat([0, 1, 2], [75, 50, 25])[order]
    assert adjusted_rand(got.labels_N, truth_N) == 1.0


def test_higher_resolution_gives_more_communities() -> None:
    graph = planted(96, 3)
    counts = [found(graph, resolution=value).communities for value in (1 / 64, 1.0, 4.0, 64.0)]
    assert counts == sorted(counts)
    assert counts[0] < counts[1] < counts[-1]


def test_runs_are_identical() -> None:
    graph = ring(200)
    first = found(graph)
    for _ in range(3):
        again = found(graph)
        assert again.labels_N.tobytes() == first.labels_N.tobytes()
        assert (again.score, again.sweeps) == (first.score, first.sweeps)


def test_sweeps_stay_within_the_schedule() -> None:
    stages = [stage for cycle in rules.SCHEDULE for stage in cycle]
    ran = found(star(200)).sweeps
    assert 1 <= len(ran) <= len(stages)
    assert max(ran) <= max(stage.sweeps for stage in stages)


@pytest.mark.parametrize("edges", [2, 3, 1000, (1 << 20) + 1, rules.MAX_EDGES])
@pytest.mark.parametrize("value", [1.0, 1.9999999, 1e-44, 3e38])
def test_total_of_fixed_weights_stays_within_its_bits(edges: int, value: float) -> None:
    offsets = np.array([0, edges], np.int64)
    weights_E = np.full(edges, value, np.float32)
    fixed_E = rules.fixed_weights(offsets, np.zeros(edges, np.int32), weights_E)
    total = int(fixed_E.sum())
    assert total <= 1 << rules.TOTAL_BITS
    if value > 1e-38:
        assert total >= 1 << (rules.TOTAL_BITS - 3)
        assert fixed_E.max() >= 1 << 5
    null = rules.null_total(total, rules.resolution_fixed(rules.MIN_RESOLUTION))
    assert null * total + total * total < 1 << 63


@pytest.mark.parametrize("weight", [-0.5, np.nan, np.inf])
def test_unusable_weights_are_refused(weight: float) -> None:
    with pytest.raises(GraphBoundsError, match="finite and not negative"):
        found(graph_of([(0, 1, 1.0), (1, 2, weight)], nodes=3))


@pytest.mark.parametrize("resolution", [0.0, -1.0, 0.01, 65.0, float("nan")])
def test_resolutions_beyond_the_integers_are_refused(resolution: float) -> None:
    with pytest.raises(GraphBoundsError, match="resolution"):
        found(ring(), resolution=resolution)


def test_graphs_beyond_the_integers_are_refused() -> None:
    with pytest.raises(GraphBoundsError, match="131073 nodes"):
        found(graph_of([], nodes=rules.MAX_NODES + 1))
    edges = rules.MAX_EDGES + 2
    with pytest.raises(GraphBoundsError, match="directed edges"):
        louvain(np.array([0, edges]), np.zeros(edges, np.int32), None)


def test_loops_are_refused() -> None:
    with pytest.raises(GraphBoundsError, match="itself"):
        louvain(np.array([0, 1]), np.zeros(1, np.int32), None)
