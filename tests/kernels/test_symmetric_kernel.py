"""The graph made on a device has the bits of the reference's, as CSR and as ELL."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel_canvas import DEVICE, LAYOUTS, Layout, canvas, laid_out
from scopeside_kernels import reference
from scopeside_kernels.symmetric import graph_tensors, symmetric


def lists(seed: int, nodes: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Neighbour lists of whole-number rows: ties, zeros and negative similarities among them."""
    rows = np.random.default_rng(seed).integers(-2, 3, (nodes, 3)).astype(np.float32)
    return reference.neighbours(rows, k)


def check(index: np.ndarray, similarity: np.ndarray, layout: Layout = "packed") -> None:
    nodes, k = index.shape
    offsets = canvas((nodes + 1,), torch.int64, "packed")
    offsets.view[0] = 0
    columns = canvas((2 * nodes * k,), torch.int32, "packed", canary=-7)
    weights = canvas((2 * nodes * k,), torch.float32, "packed", canary=-7)
    room = replace(
        graph_tensors(nodes, k, device=DEVICE),
        offsets=offsets.view,
        neighbours=columns.view,
        weights=weights.view,
    )
    made = symmetric(laid_out(index, layout), laid_out(similarity, layout), room)
    wanted = reference.symmetric_csr(index, similarity)
    degree = made.degree_N.cpu().numpy()
    np.testing.assert_array_equal(offsets.read(), wanted[0])
    np.testing.assert_array_equal(degree, np.diff(wanted[0]))
    used = wanted[0][-1]
    for got, values in ((columns.read(), wanted[1]), (weights.read(), wanted[2])):
        np.testing.assert_array_equal(got[:used], values)
        assert (got[used:] == -7).all()


@settings(max_examples=12)
@given(seed=st.integers(0, 2**32 - 1), nodes=st.integers(2, 40), k=st.integers(1, 12))
def test_the_graph_is_the_references(seed: int, nodes: int, k: int) -> None:
    check(*lists(seed, nodes, k))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_lists_of_any_layout_give_the_same_graph(layout: Layout) -> None:
    check(*lists(1, 61, 9), layout)


def test_a_row_that_everybody_lists_is_put_in_order() -> None:
    nodes = 150
    index = np.stack([np.where(np.arange(nodes) == 70, 0, 70), np.full(nodes, 149)], axis=1)
    index[149, 1] = 0
    index[70, 1] = 1
    check(index.astype(np.int32), np.random.default_rng(2).random((nodes, 2), dtype=np.float32))


def test_directions_that_disagree_take_the_larger_similarity_in_both() -> None:
    check(np.array([[1], [0]], np.int32), np.array([[0.25], [-0.5]], np.float32))
    check(np.array([[1], [0]], np.int32), np.array([[-0.25], [-0.5]], np.float32))


def test_ell_rows_hold_the_same_edges_filled_up_with_nobody() -> None:
    index, similarity = lists(3, 40, 6)
    offsets, columns, weights = reference.symmetric_csr(index, similarity)
    degree = np.diff(offsets)
    for width in (int(degree.max()) + 2, 5):
        found = canvas((40, width), torch.int32, "packed")
        weight = canvas((40, width), torch.float32, "packed")
        room = replace(
            graph_tensors(40, 6, device=DEVICE, width=width),
            neighbours=found.view,
            weights=weight.view,
        )
        made = symmetric(laid_out(index, "packed"), laid_out(similarity, "packed"), room)
        np.testing.assert_array_equal(made.degree_N.cpu().numpy(), degree)
        found_NW, weight_NW = found.read(), weight.read()
        for row in range(40):
            kept = slice(offsets[row], min(offsets[row + 1], offsets[row] + width))
            count = kept.stop - kept.start
            np.testing.assert_array_equal(found_NW[row, :count], columns[kept])
            np.testing.assert_array_equal(weight_NW[row, :count], weights[kept])
            assert (found_NW[row, count:] == -1).all()
            assert (weight_NW[row, count:] == 0).all()


def test_room_used_before_holds_nothing_of_the_frame_before() -> None:
    room = graph_tensors(30, 4, device=DEVICE)
    for seed in range(2):
        index, similarity = lists(seed, 30, 4)
        symmetric(laid_out(index, "packed"), laid_out(similarity, "packed"), room)
        offsets, columns, weights = reference.symmetric_csr(index, similarity)
        np.testing.assert_array_equal(room.offsets.cpu().numpy(), offsets)
        np.testing.assert_array_equal(room.neighbours.cpu().numpy()[: len(columns)], columns)
        np.testing.assert_array_equal(room.weights.cpu().numpy()[: len(weights)], weights)


@pytest.mark.parametrize("nodes", [0, 1])
def test_a_lone_row_has_no_edge(nodes: int) -> None:
    made = symmetric(
        laid_out(np.empty((nodes, 0), np.int32), "packed"),
        laid_out(np.empty((nodes, 0), np.float32), "packed"),
    )
    assert made.offsets.tolist() == [0] * (nodes + 1)
