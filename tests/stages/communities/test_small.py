from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from planted import embeddings, graph_of, labels
from scopeside.messages import Float32, Graph, Partition
from scopeside.partitions import community_count, modularity, relabelled
from scopeside.settings import GraphSettings
from scopeside.stages.communities import merge_small
from scopeside.stages.graph import build_graph

UNIT = np.eye(8, dtype=np.float32)


def partition_of(labels_N: list[int]) -> Partition:
    relabelled_N = relabelled(np.array(labels_N))
    return Partition(
        labels_N=relabelled_N,
        communities=community_count(relabelled_N),
        resolution=0.5,
        modularity=0.25,
        stability=0.75,
    )


def test_small_community_joins_the_one_it_shares_most_weight_with() -> None:
    graph = graph_of(
        [(0, 1, 1.0), (1, 2, 1.0), (3, 4, 1.0), (4, 5, 1.0), (6, 0, 0.3), (6, 1, 0.3), (6, 4, 0.5)],
        nodes=7,
    )
    before = partition_of([0, 0, 0, 1, 1, 1, 2])
    merged = merge_small(graph, before, UNIT[:7], min_chips=3)
    assert merged.labels_N.tolist() == [0, 0, 0, 1, 1, 1, 0]
    assert merged.communities == 2
    assert merged.modularity == modularity(graph, merged.labels_N, 0.5)
    assert (merged.resolution, merged.stability) == (0.5, 0.75)


def test_small_community_without_edges_joins_the_nearest_by_embedding() -> None:
    graph = graph_of([(0, 1, 1.0), (1, 2, 1.0), (3, 4, 1.0), (4, 5, 1.0)], nodes=7)
    unit_ND = np.array([[1, 0]] * 3 + [[0, 1]] * 3 + [[0.6, 0.8]], dtype=np.float32)
    merged = merge_small(graph, partition_of([0, 0, 0, 1, 1, 1, 2]), unit_ND, min_chips=3)
    assert merged.labels_N.tolist() == [0, 0, 0, 1, 1, 1, 1]


def test_one_is_off_and_nothing_is_joined() -> None:
    before = partition_of([0, 1, 2, 2])
    graph = graph_of([(0, 1, 1.0), (2, 3, 1.0)], nodes=4)
    assert merge_small(graph, before, UNIT[:4], min_chips=1) is before


def test_large_enough_communities_are_left_as_they_are() -> None:
    before = partition_of([0, 0, 0, 1, 1, 1])
    graph = graph_of([(0, 1, 1.0), (3, 4, 1.0)], nodes=6)
    assert merge_small(graph, before, UNIT[:6], min_chips=3) is before


def test_chips_that_nothing_joins_become_one_community() -> None:
    graph = graph_of([], nodes=5, weighted=False)
    merged = merge_small(graph, partition_of([0, 1, 2, 3, 4]), UNIT[:5], min_chips=3)
    assert merged.labels_N.tolist() == [0] * 5


def some_graph(nodes: int, seed: int) -> tuple[Graph, Float32]:
    planted_ND = embeddings(labels([nodes // 2, nodes - nodes // 2]), seed=seed)
    return build_graph(planted_ND, GraphSettings(neighbours=3))


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(0, 12), min_size=4, max_size=30),
    st.integers(1, 8),
    st.integers(0, 3),
)
def test_afterwards_every_community_is_large_enough_or_there_is_one(
    labels_list: list[int], min_chips: int, seed: int
) -> None:
    graph, unit_ND = some_graph(len(labels_list), seed)
    before = partition_of(labels_list)
    after = merge_small(graph, before, unit_ND, min_chips=min_chips)
    chips_K = np.bincount(after.labels_N)
    assert after.communities == len(chips_K)
    assert after.communities == 1 or chips_K.min() >= min_chips
    # Communities are joined whole: chips that were together stay together.
    for label in range(before.communities):
        assert len(set(after.labels_N[before.labels_N == label].tolist())) == 1
    assert np.array_equal(after.labels_N, relabelled(after.labels_N))
