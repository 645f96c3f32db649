from __future__ import annotations

import itertools

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planted import graph_of
from scopeside.messages import Graph
from scopeside.partitions import (
    adjusted_rand,
    community_count,
    contingency,
    directions,
    mean_rows,
    modularity,
    relabelled,
)

Labels = st.lists(st.integers(0, 5), min_size=1, max_size=40).map(np.array)
Edges = st.dictionaries(
    st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda pair: pair[0] < pair[1]),
    st.floats(0.125, 4.0, width=16),
    min_size=1,
    max_size=30,
)


@given(Labels)
def test_relabelled_counts_from_zero_in_order_of_first_chips(labels_N: np.ndarray) -> None:
    answer_N = relabelled(labels_N)
    firsts = [int(np.flatnonzero(answer_N == label)[0]) for label in range(answer_N.max() + 1)]
    assert firsts == sorted(firsts)
    assert community_count(answer_N) == len(set(labels_N.tolist()))
    same = labels_N[:, None] == labels_N[None, :]
    assert np.array_equal(same, answer_N[:, None] == answer_N[None, :])


@given(Edges, st.lists(st.integers(0, 3), min_size=10, max_size=10), st.floats(0.1, 2.0))
def test_modularity_agrees_with_networkx(
    edges: dict[tuple[int, int], float], labels: list[int], resolution: float
) -> None:
    graph = graph_of([(a, b, w) for (a, b), w in edges.items()], nodes=10)
    ours = modularity(graph, np.array(labels), resolution)
    theirs = nx.Graph()
    theirs.add_nodes_from(range(10))
    theirs.add_weighted_edges_from((a, b, w) for (a, b), w in edges.items())
    groups = [{n for n in range(10) if labels[n] == label} for label in set(labels)]
    assert ours == pytest.approx(
        nx.community.modularity(theirs, groups, resolution=resolution), abs=1e-9
    )


def test_modularity_counts_unweighted_edges_as_ones_and_is_zero_without_edges() -> None:
    edges = [(0, 1, 1.0), (2, 3, 1.0)]
    labels_N = np.array([0, 0, 1, 1])
    weighted = modularity(graph_of(edges, nodes=4), labels_N, 1.0)
    assert weighted == 0.5
    assert modularity(graph_of(edges, nodes=4, weighted=False), labels_N, 1.0) == weighted
    empty = Graph(offsets=np.zeros(5, np.int64), neighbours_E=np.empty(0, np.int32), weights_E=None)
    assert modularity(empty, labels_N, 1.0) == 0.0


def slow_adjusted_rand(first: list[int], second: list[int]) -> float:
    """From the definition, pair by pair."""
    pairs = list(itertools.combinations(range(len(first)), 2))
    in_first = sum(first[i] == first[j] for i, j in pairs)
    in_second = sum(second[i] == second[j] for i, j in pairs)
    both = sum(first[i] == first[j] and second[i] == second[j] for i, j in pairs)
    chance = in_first * in_second / max(len(pairs), 1)
    most = (in_first + in_second) / 2
    return 1.0 if most == chance else (both - chance) / (most - chance)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=20))
def test_adjusted_rand_follows_its_definition(pairs: list[tuple[int, int]]) -> None:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    answer = adjusted_rand(relabelled(np.array(first)), relabelled(np.array(second)))
    assert answer == pytest.approx(slow_adjusted_rand(first, second), abs=1e-12)


@given(Labels)
def test_adjusted_rand_of_a_partition_with_itself_is_one(labels_N: np.ndarray) -> None:
    assert adjusted_rand(relabelled(labels_N), relabelled(labels_N[::1])) == 1.0


def test_contingency_counts_pairs_of_labels() -> None:
    table_KL = contingency(np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 2]))
    assert table_KL.tolist() == [[1, 1, 0], [0, 2, 1]]


@given(Labels)
def test_mean_rows_are_the_means_of_each_community(labels_N: np.ndarray) -> None:
    labels_N = relabelled(labels_N)
    rows_ND = np.random.default_rng(0).normal(size=(len(labels_N), 3))
    means_KD = mean_rows(rows_ND, labels_N)
    for label in range(labels_N.max() + 1):
        assert means_KD[label] == pytest.approx(rows_ND[labels_N == label].mean(axis=0))


def test_directions_have_length_one_and_zero_stays_zero() -> None:
    unit_KD = directions(np.array([[3.0, 4.0], [0.0, 0.0]]))
    assert unit_KD.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0.0, 0.0]]
