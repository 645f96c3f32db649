"""Painting on a device has the bits of the reference."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel_canvas import DEVICE, Layout, canvas, laid_out
from scopeside.messages import ChipGrid
from scopeside_kernels import reference
from scopeside_kernels.paint import paint
from scopeside_kernels.paint_tables import paint_tables


def check(
    ids: np.ndarray,
    grid: ChipGrid,
    window: reference.Window = "triangle",
    layout: Layout = "margins",
    block_px: int | None = None,
    mixed: tuple[np.ndarray, np.ndarray] | None = None,
) -> None:
    second, ballots = mixed or (None, None)
    tables = paint_tables(
        grid.y0_R,
        grid.x0_C,
        grid.chip_px,
        grid.shape,
        device=DEVICE,
        window=window,
        block_px=block_px,
    )
    labels = canvas(grid.shape, torch.uint16, layout)
    confidence = canvas(grid.shape, torch.uint8, layout)
    paint(
        laid_out(ids, layout),
        tables,
        second_N=None if second is None else laid_out(second, layout),
        ballots_N=None if ballots is None else laid_out(ballots, layout),
        labels_YX=labels.view,
        confidence_YX=confidence.view,
    )
    wanted = reference.paint(
        ids.astype(np.uint16),
        grid.y0_R,
        grid.x0_C,
        grid.chip_px,
        grid.shape,
        window=window,
        second_N=second,
        ballots_N=ballots,
    )
    np.testing.assert_array_equal(labels.read(), wanted[0])
    np.testing.assert_array_equal(confidence.read(), wanted[1])


@settings(max_examples=12)
@given(
    shape=st.tuples(st.integers(1, 17), st.integers(1, 17)),
    chip_px=st.integers(4, 12),
    stride_px=st.integers(3, 12),
    window=st.sampled_from(["triangle", "uniform"]),
    names=st.lists(st.integers(0, 65535), min_size=1, max_size=4),
    seed=st.integers(0, 2**32 - 1),
)
def test_painting_has_the_bits_of_the_reference_whatever_the_grid(
    shape: tuple[int, int],
    chip_px: int,
    stride_px: int,
    window: reference.Window,
    names: list[int],
    seed: int,
) -> None:
    grid = ChipGrid(shape, chip_px, min(stride_px, chip_px))
    ids = np.random.default_rng(seed).choice(np.array(names, np.uint16), grid.chips)
    check(ids, grid, window)


@settings(max_examples=12)
@given(
    shape=st.tuples(st.integers(1, 17), st.integers(1, 17)),
    chip_px=st.integers(4, 12),
    stride_px=st.integers(3, 12),
    names=st.lists(st.integers(0, 65535), min_size=1, max_size=4),
    seed=st.integers(0, 2**32 - 1),
    layout=st.sampled_from(["packed", "margins"]),
)
def test_divided_votes_are_counted_as_in_the_reference(
    shape: tuple[int, int],
    chip_px: int,
    stride_px: int,
    names: list[int],
    seed: int,
    layout: Layout,
) -> None:
    grid = ChipGrid(shape, chip_px, min(stride_px, chip_px))
    random = np.random.default_rng(seed)
    ids, second = random.choice(np.array(names, np.uint16), (2, grid.chips))
    ballots = random.choice(np.array([0, 1, 33, 63, 64], np.uint8), grid.chips)
    check(ids, grid, layout=layout, mixed=(second, ballots))


@pytest.mark.parametrize(
    ("shape", "layout"), [((70, 101), "packed"), ((101, 70), "margins"), ((70, 101), "transposed")]
)
def test_default_chips_on_odd_frames_into_outputs_of_any_layout(
    shape: tuple[int, int], layout: Layout
) -> None:
    grid = ChipGrid(shape, 64, 32)
    check(
        np.random.default_rng(0).integers(1, 5, grid.chips).astype(np.uint16),
        grid,
        "triangle",
        layout,
    )


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.int64])
def test_ids_of_any_integer_dtype_are_painted_alike(dtype: type) -> None:
    grid = ChipGrid((20, 11), 16, 8)
    check(np.random.default_rng(1).integers(0, 65536, grid.chips).astype(dtype), grid)


def test_pieces_smaller_than_their_cells_change_nothing() -> None:
    grid = ChipGrid((30, 41), 24, 24)
    check(np.random.default_rng(2).integers(1, 3, grid.chips).astype(np.uint16), grid, block_px=8)


def test_votes_beyond_32_bits_and_their_ties_are_counted_exactly() -> None:
    """The case of `test_paint.py`: equal sums above 2**24, whose share needs 64 bits."""
    ids, shape = np.array([3, 9, 9, 3, 9, 3, 3, 9], np.uint16), (600, 400)
    tall = paint_tables(np.array([0]), np.arange(8), 4096, shape, device=DEVICE, block_px=512)
    assert tall.wide
    labels, confidence = paint(laid_out(ids, "packed"), tall)
    wanted = reference.paint(ids, np.array([0]), np.arange(8), 4096, (600, 400))
    np.testing.assert_array_equal(labels.cpu().numpy(), wanted[0])
    np.testing.assert_array_equal(confidence.cpu().numpy(), wanted[1])


def test_one_set_of_tables_serves_many_frames() -> None:
    grid = ChipGrid((30, 17), 16, 8)
    tables = paint_tables(grid.y0_R, grid.x0_C, 16, grid.shape, device=DEVICE)
    for seed in range(2):
        ids = np.random.default_rng(seed).integers(1, 4, grid.chips).astype(np.uint16)
        labels, confidence = paint(laid_out(ids, "packed"), tables)
        wanted = reference.paint(ids, grid.y0_R, grid.x0_C, 16, grid.shape)
        np.testing.assert_array_equal(labels.cpu().numpy(), wanted[0])
        np.testing.assert_array_equal(confidence.cpu().numpy(), wanted[1])
