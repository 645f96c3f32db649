"""What is asked of a graph on a device has the answers of the same graph on the host."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

pytest.importorskip("triton", reason="Triton is not installed: pip install 'scopeside[gpu]'")

from hypothesis import given, settings
from hypothesis import strategies as st

from device_graphs import knn, looks_of, placed, tensors_of
from scopeside.device import graph as module
from scopeside.device.groups import KEPT, as_weights, between_room, weigh_groups
from scopeside.looks import NOBODY, HostLooks
from scopeside.partitions import modularity, relabelled
from scopeside.prototypes import prototypes_of
from scopeside.stages.communities import LouvainClusterer, heaviest_neighbours, merge_small
from scopeside.thinning import Thinning

seeds = st.integers(0, 10_000)


def partition_of(nodes, groups, seed):
    return relabelled(np.random.default_rng(seed).integers(0, groups, nodes))


@given(seeds, st.integers(1, 12), st.floats(0.1, 2.0))
@settings(max_examples=30)
def test_modularity_is_that_of_the_host(seed, groups, resolution):
    graph, rows_ND = knn(seed=seed)
    labels_N = partition_of(graph.nodes, groups, seed)
    found = placed(graph, rows_ND).modularity(labels_N, resolution)
    assert found == pytest.approx(modularity(graph, labels_N, resolution), abs=1e-8)


@given(seeds, st.integers(2, 12))
@settings(max_examples=30)
def test_small_communities_join_the_same_neighbours(seed, groups):
    graph, rows_ND = knn(seed=seed)
    labels_N = partition_of(graph.nodes, groups, seed)
    small_K = np.bincount(labels_N) < 5
    np.testing.assert_array_equal(
        placed(graph, rows_ND).heaviest_neighbours(labels_N, small_K),
        heaviest_neighbours(graph, labels_N, small_K),
    )


@pytest.mark.parametrize("most", [1, module.MOST_GROUPS])
def test_many_communities_are_compared_on_the_host_with_the_same_answers(monkeypatch, most):
    monkeypatch.setattr(module, "MOST_GROUPS", most)
    graph, rows_ND = knn()
    labels_N = partition_of(graph.nodes, 6, 1)
    device = placed(graph, rows_ND)
    assert device.modularity(labels_N, 0.7) == pytest.approx(modularity(graph, labels_N, 0.7))
    small_K = np.ones(6, bool)
    np.testing.assert_array_equal(
        device.heaviest_neighbours(labels_N, small_K),
        heaviest_neighbours(graph, labels_N, small_K),
    )


@pytest.mark.parametrize("nodes", [6, 40])
def test_a_graph_is_brought_as_it_is_and_divided_by_the_hosts_library(nodes):
    graph, rows_ND = knn(chips=nodes)
    device = placed(graph, rows_ND)
    brought = device.brought()
    assert (device.nodes, device.edges) == (graph.nodes, graph.edges)
    np.testing.assert_array_equal(brought.offsets, graph.offsets)
    np.testing.assert_array_equal(brought.neighbours_E, graph.neighbours_E)
    np.testing.assert_array_equal(brought.weights_E, graph.weights_E)
    both = [LouvainClusterer().partition(one, resolution=0.5, seed=4) for one in (graph, device)]
    np.testing.assert_array_equal(both[0].labels_N, both[1].labels_N)


@given(seeds, st.integers(0, 9), st.floats(0.0, 0.999))
@settings(max_examples=30)
def test_the_same_edges_are_taken_away(seed, number, share):
    graph, rows_ND = knn(seed=seed)
    here = Thinning(graph, seed=seed).draw(number, share=share)
    there = placed(graph, rows_ND).thinning(seed=seed).draw(number, share=share)
    brought = there.brought()
    assert there.edges == here.edges
    np.testing.assert_array_equal(brought.offsets, here.offsets)
    np.testing.assert_array_equal(brought.neighbours_E, here.neighbours_E)
    np.testing.assert_array_equal(brought.weights_E, here.weights_E)


def test_a_graph_without_edges_has_no_modularity():
    graph, rows_ND = knn()
    none = np.zeros(0, np.float32)
    bare = replace(
        graph, offsets=0 * graph.offsets, neighbours_E=none.astype(np.int32), weights_E=none
    )
    bare = placed(bare, rows_ND)
    assert bare.edges == 0
    assert bare.modularity(np.zeros(graph.nodes, np.int32), 1.0) == 0.0


@given(seeds, st.integers(1, 9))
@settings(max_examples=30)
def test_means_and_products_are_those_of_the_host(seed, groups):
    _, rows_ND = knn(seed=seed)
    rows_ND[3] = 0.0
    here, there = HostLooks(rows_ND), looks_of(rows_ND)
    group_N = partition_of(len(rows_ND), groups, seed).astype(np.int64)
    group_N[::7] = NOBODY
    group_N[:groups] = np.arange(groups)
    np.testing.assert_allclose(there.means(group_N), here.means(group_N), atol=2e-7)
    np.testing.assert_array_equal(there.alive_N, here.alive_N)
    chips_B = np.array([0, 3, 11])
    means_KD = here.means(group_N)
    np.testing.assert_allclose(
        there.products(chips_B, means_KD), here.products(chips_B, means_KD), atol=2e-6
    )


def test_what_joins_known_groups_whole_is_not_asked_of_the_card():
    _, rows_ND = knn(groups=6)
    fine_N = (np.arange(40) % 6).astype(np.int64)
    coarse_N = fine_N // 2
    there = looks_of(rows_ND)
    there.means(fine_N)
    there._rows_ND.fill_(float("nan"))
    np.testing.assert_allclose(
        there.means(coarse_N), HostLooks(rows_ND_of(6)).means(coarse_N), atol=2e-7
    )
    assert np.isnan(there.means((np.arange(40) % 5).astype(np.int64))).any()


def rows_ND_of(groups):
    return knn(groups=groups)[1]


def test_a_device_partition_is_described_and_tidied_like_one_of_the_host():
    graph, rows_ND = knn()
    device, looks = placed(graph, rows_ND), looks_of(rows_ND)
    partition = LouvainClusterer().partition(graph, resolution=2.0, seed=4)
    here, there = (prototypes_of(each, partition.labels_N) for each in (rows_ND, looks))
    np.testing.assert_allclose(there.variance_K, here.variance_K, atol=1e-5)
    units_ND = build_units(rows_ND)
    for least in (1, 6, 15):
        expected = merge_small(graph, partition, units_ND, min_chips=least)
        found = merge_small(device, partition, looks_of(units_ND), min_chips=least)
        np.testing.assert_array_equal(found.labels_N, expected.labels_N)
        assert found.modularity == pytest.approx(expected.modularity, abs=1e-8)


def build_units(rows_ND):
    from scopeside_kernels.reference import unit_rows

    return unit_rows(rows_ND, centred=True)


def test_weights_of_groups_beyond_the_room_are_left_out_and_of_places_without_edges_too():
    graph, _ = knn()
    labels_N = torch.from_numpy((np.arange(graph.nodes) % 5).astype(np.int32))
    tensors = tensors_of(graph)
    places_E = torch.arange(len(tensors.neighbours))
    rooms = []
    for kept in (2, KEPT):
        between = between_room(kept, torch.device("cpu"))
        weigh_groups(labels_N, tensors, places_E, between, kept)
        rooms.append(as_weights(between.numpy(), kept))
    np.testing.assert_array_equal(rooms[0], rooms[1][:2, :2])
    assert rooms[1].sum() == pytest.approx(graph.weights_E.sum(dtype=float), abs=1e-6)
