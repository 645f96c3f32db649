"""Unit rows, nearest neighbours and graphs against slow definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scopeside_kernels.reference import neighbours, symmetric_csr, threshold_csr, unit_rows


def rows_of(seed: int, nodes: int, features: int, *, levels: int | None = None) -> NDArray:
    """Random rows; with `levels`, small integers, whose similarities are exact and often tie."""
    rng = np.random.default_rng(seed)
    if levels is None:
        return rng.normal(size=(nodes, features)).astype(np.float32)
    return rng.integers(-levels, levels + 1, (nodes, features)).astype(np.float32)


def slow_neighbours(rows: NDArray, k: int) -> list[list[int]]:
    similarity = rows.astype(np.float64) @ rows.astype(np.float64).T
    answer = []
    for i in range(len(rows)):
        others = [j for j in range(len(rows)) if j != i]
        others.sort(key=lambda j: (-similarity[i, j], j))
        answer.append(others[:k])
    return answer


def edges_of(offsets: NDArray, columns: NDArray) -> set[tuple[int, int]]:
    return {
        (i, int(j)) for i in range(len(offsets) - 1) for j in columns[offsets[i] : offsets[i + 1]]
    }


def test_unit_rows_have_length_one_and_keep_their_direction() -> None:
    rows = rows_of(1, 200, 33)
    unit = unit_rows(rows, centred=False)
    assert unit.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(unit * np.linalg.norm(rows, axis=1)[:, None], rows, rtol=1e-5)


def test_centring_subtracts_the_mean_row_first() -> None:
    rows = rows_of(2, 70, 12) + 100
    centred = rows.astype(np.float64) - rows.astype(np.float64).mean(axis=0)
    wanted = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    np.testing.assert_allclose(unit_rows(rows, centred=True), wanted, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_equal_rows_become_zero_when_centred_whatever_their_scale(scale: float) -> None:
    row = np.linspace(0.1, 1.7, 48, dtype=np.float32) * np.float32(scale)
    rows = np.tile(row, (99, 1))
    assert not unit_rows(rows, centred=True).any()
    np.testing.assert_allclose(np.linalg.norm(unit_rows(rows, centred=False), axis=1), 1, atol=1e-6)


def test_rows_that_differ_by_rounding_alone_become_zero_when_centred() -> None:
    row = np.linspace(0.1, 1.7, 48, dtype=np.float32)
    rows = np.where(np.random.default_rng(4).random((99, 48)) < 0.5, row, np.nextafter(row, 9))
    assert len(np.unique(rows, axis=0)) > 90
    assert not unit_rows(rows, centred=True).any()
    rows[7] *= np.float32(1.001)  # a difference, however small, is kept
    assert unit_rows(rows, centred=True)[7].any()


def test_only_the_row_that_equals_the_mean_becomes_zero() -> None:
    rows = np.array([[1, 2, 3], [3, 2, 1], [2, 2, 2]], np.float32)
    unit = unit_rows(rows, centred=True)
    assert not unit[2].any()
    np.testing.assert_allclose(unit[0], -unit[1])
    np.testing.assert_allclose(np.linalg.norm(unit[:2], axis=1), 1, atol=1e-6)


def test_a_zero_row_stays_zero_and_no_rows_stay_no_rows() -> None:
    assert not unit_rows(np.zeros((3, 4), np.float32), centred=False).any()
    assert unit_rows(np.empty((0, 4), np.float32), centred=True).shape == (0, 4)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    nodes=st.integers(1, 60),
    features=st.integers(1, 8),
    k=st.integers(1, 70),
    block_rows=st.integers(1, 64),
)
def test_neighbours_equal_a_full_sort_with_ties_to_the_lower_index(
    seed: int, nodes: int, features: int, k: int, block_rows: int
) -> None:
    rows = rows_of(seed, nodes, features, levels=1)
    found, similarity = neighbours(rows, k, block_rows)
    assert found.dtype == np.int32
    assert similarity.dtype == np.float32
    assert found.shape == similarity.shape == (nodes, min(k, nodes - 1))
    assert found.tolist() == slow_neighbours(rows, k)
    for i in range(nodes):
        np.testing.assert_array_equal(similarity[i], rows[found[i]] @ rows[i])


def test_neighbours_of_many_rows_agree_with_a_sort_in_float64() -> None:
    unit = unit_rows(rows_of(5, 700, 64), centred=True)
    found, similarity = neighbours(unit, 15)
    exact = unit.astype(np.float64) @ unit.astype(np.float64).T
    np.fill_diagonal(exact, -np.inf)
    np.testing.assert_allclose(similarity, -np.sort(-exact, axis=1)[:, :15], atol=1e-6)
    np.testing.assert_allclose(np.take_along_axis(exact, found, 1), similarity, atol=1e-6)
    assert (np.diff(similarity, axis=1) <= 0).all()


@pytest.mark.parametrize("levels", [0, 1, 3, 40])
@pytest.mark.parametrize("k", [1, 4, 15])
def test_long_rows_with_many_ties_and_neighbours_alike_are_sieved_exactly(
    levels: int, k: int
) -> None:
    rows = rows_of(9, 520, 6, levels=levels)
    rows[100:140] = rows[100]  # a run of equal rows, and with 40 levels few other ties
    found, _ = neighbours(rows, k)
    assert found.tolist() == slow_neighbours(rows, k)


def test_blocks_change_no_neighbour() -> None:
    rows = rows_of(6, 300, 40, levels=3)
    whole = neighbours(rows, 9)
    for block_rows in (16, 100, 299, 300):
        blocked = neighbours(rows, 9, block_rows)
        np.testing.assert_array_equal(blocked[0], whole[0])
        np.testing.assert_array_equal(blocked[1], whole[1])


def test_both_rows_of_a_pair_see_the_same_bits() -> None:
    unit = unit_rows(rows_of(7, 200, 128), centred=True)
    for block_rows in (48, 1024):
        found, similarity = neighbours(unit, 199, block_rows)
        matrix = np.zeros((200, 200), np.float32)
        np.put_along_axis(matrix, found.astype(np.int64), similarity, axis=1)
        np.testing.assert_array_equal(matrix, matrix.T)


def test_rows_similar_to_nothing_have_the_first_rows_as_neighbours_and_no_edges() -> None:
    found, similarity = neighbours(np.zeros((6, 4), np.float32), 2)
    assert found.tolist() == [[1, 2], [0, 2], [0, 1], [0, 1], [0, 1], [0, 1]]
    offsets, columns, weights = symmetric_csr(found, similarity)
    assert offsets.tolist() == [0] * 7
    assert len(columns) == len(weights) == 0


@pytest.mark.parametrize("nodes", [0, 1])
def test_a_lone_row_has_no_neighbour_and_no_edge(nodes: int) -> None:
    found, similarity = neighbours(np.ones((nodes, 4), np.float32), 5)
    assert found.shape == (nodes, 0)
    offsets, columns, weights = symmetric_csr(found, similarity)
    assert offsets.tolist() == [0] * (nodes + 1)
    assert len(columns) == len(weights) == 0
    assert threshold_csr(np.ones((nodes, 4), np.float32), 0.5)[0].tolist() == [0] * (nodes + 1)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    nodes=st.integers(2, 40),
    features=st.integers(1, 5),
    k=st.integers(1, 12),
)
def test_the_graph_is_the_union_of_both_directions_above_zero(
    seed: int, nodes: int, features: int, k: int
) -> None:
    rows = rows_of(seed, nodes, features, levels=2)
    found, similarity = neighbours(rows, k)
    wanted: dict[tuple[int, int], float] = {}
    for i in range(nodes):
        for j, weight in zip(found[i].tolist(), similarity[i].tolist(), strict=True):
            if weight > 0:
                wanted[i, j] = wanted[j, i] = weight
    offsets, columns, weights = symmetric_csr(found, similarity)
    assert (offsets.dtype, columns.dtype, weights.dtype) == (np.int64, np.int32, np.float32)
    got = [
        ((i, int(columns[e])), float(weights[e]))
        for i in range(nodes)
        for e in range(offsets[i], offsets[i + 1])
    ]
    assert got == sorted(wanted.items())


def test_directions_that_disagree_take_the_larger_similarity_in_both() -> None:
    found = np.array([[1], [0]], np.int32)
    similarity = np.array([[0.25], [0.5]], np.float32)
    offsets, columns, weights = symmetric_csr(found, similarity)
    assert offsets.tolist() == [0, 1, 2]
    assert columns.tolist() == [1, 0]
    assert weights.tolist() == [0.5, 0.5]


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    nodes=st.integers(1, 50),
    features=st.integers(1, 5),
    threshold=st.integers(-4, 6),
    block_rows=st.integers(1, 64),
)
def test_the_threshold_graph_joins_exactly_the_pairs_that_reach_it(
    seed: int, nodes: int, features: int, threshold: int, block_rows: int
) -> None:
    rows = rows_of(seed, nodes, features, levels=2)
    product = rows @ rows.T  # exact: small integers
    wanted = {(i, j) for i, j in np.argwhere(product >= threshold).tolist() if i != j}
    offsets, columns = threshold_csr(rows, threshold, block_rows)
    assert (offsets.dtype, columns.dtype) == (np.int64, np.int32)
    assert edges_of(offsets, columns) == wanted
    assert offsets[-1] == len(columns) == len(wanted)
    for i in range(nodes):
        assert (np.diff(columns[offsets[i] : offsets[i + 1]]) > 0).all()


def test_the_threshold_is_cut_in_double_precision() -> None:
    angle = 0.3
    unit = np.array([[1, 0], [np.cos(angle), np.sin(angle)]], np.float32)
    similarity = float(np.float64(unit[1, 0]))
    assert len(threshold_csr(unit, similarity)[1]) == 2
    assert len(threshold_csr(unit, np.nextafter(similarity, 2))[1]) == 0
