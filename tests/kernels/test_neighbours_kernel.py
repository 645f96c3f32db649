"""Nearest neighbours on a device are the reference's, ties and all.

The interpreter multiplies in float32 whatever the precision asked for, so what TF32 does to
similarities shows only on a card. Small whole numbers are exact in all of them.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel_canvas import DEVICE, LAYOUTS, Layout, canvas, laid_out
from scopeside_kernels import reference
from scopeside_kernels.neighbours import Precision, neighbours, neighbours_room


def found(
    rows: np.ndarray, k: int, layout: Layout = "packed", precision: Precision = "tf32x3"
) -> tuple[np.ndarray, np.ndarray]:
    nodes = len(rows)
    k = min(k, nodes - 1)
    index = canvas((nodes, k), torch.int32, layout)
    similarity = canvas((nodes, k), torch.float32, layout)
    unit = laid_out(rows, layout)
    size = len(neighbours_room(nodes, k, dtype=unit.dtype, device=DEVICE, precision=precision))
    room = canvas((size,), torch.int64, "packed")
    neighbours(
        unit,
        k,
        precision=precision,
        neighbours_NK=index.view,
        similarities_NK=similarity.view,
        room=room.view,
    )
    room.read()
    return index.read(), similarity.read()


def check(rows: np.ndarray, k: int, layout: Layout = "packed") -> None:
    index, similarity = found(rows, k, layout)
    wanted = reference.neighbours(rows.astype(np.float32), k)
    np.testing.assert_array_equal(index, wanted[0])
    np.testing.assert_array_equal(similarity, wanted[1])


@settings(max_examples=8)
@given(
    seed=st.integers(0, 2**32 - 1),
    nodes=st.integers(2, 90),
    features=st.integers(1, 40),
    k=st.integers(1, 20),
)
def test_whole_numbers_that_often_tie_have_the_references_neighbours(
    seed: int, nodes: int, features: int, k: int
) -> None:
    rows = np.random.default_rng(seed).integers(-1, 2, (nodes, features))
    check(rows.astype(np.float32), k)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_rows_of_either_dtype_and_any_layout(dtype: type, layout: Layout) -> None:
    rows = np.random.default_rng(1).integers(-2, 3, (70, 19)).astype(dtype)
    check(rows, 7, layout)


@pytest.mark.parametrize("precision", ["tf32x3", "ieee"])
def test_similarities_well_apart_give_the_same_neighbours_in_the_same_order(
    precision: Precision,
) -> None:
    unit = reference.unit_rows(
        np.random.default_rng(2).normal(size=(130, 48)).astype(np.float32), centred=True
    )
    wanted = reference.neighbours(unit, 16)
    gap = -np.diff(wanted[1], axis=1)
    apart = np.pad(gap > 1e-5, ((0, 0), (1, 1)), constant_values=True)
    apart = apart[:, 1:] & apart[:, :-1]
    index, similarity = found(unit, 16, precision=precision)
    np.testing.assert_allclose(similarity, wanted[1], atol=1e-6)
    assert apart.mean() > 0.95
    # The last place may be anybody's whose similarity comes next.
    np.testing.assert_array_equal(index[:, :15][apart[:, :15]], wanted[0][:, :15][apart[:, :15]])


def test_as_many_neighbours_as_there_are_other_rows() -> None:
    rows = np.random.default_rng(3).integers(-2, 3, (100, 5)).astype(np.float32)
    check(rows, 99)


def test_rows_similar_to_nothing_have_the_first_rows_as_neighbours() -> None:
    rows = np.zeros((6, 4), np.float32)
    rows[:, 0] = -0.0
    index, similarity = found(rows, 2)
    assert index.tolist() == [[1, 2], [0, 2], [0, 1], [0, 1], [0, 1], [0, 1]]
    assert not similarity.any()


def test_a_zero_and_a_negative_zero_tie() -> None:
    rows = np.array([[1, 0], [-1e-38, 1], [1e-38, 1], [0, 1]], np.float32) * np.float32(1e-10)
    index, similarity = found(rows, 3)
    assert (similarity[0] == 0).all()
    assert index[0].tolist() == [1, 2, 3]


@pytest.mark.parametrize("nodes", [0, 1])
def test_a_lone_row_has_no_neighbour(nodes: int) -> None:
    index, similarity = neighbours(laid_out(np.ones((nodes, 4), np.float32), "packed"), 5)
    assert index.shape == similarity.shape == (nodes, 0)
