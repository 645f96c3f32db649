"""Chips made on a device from a raw frame are the reference's: copies to the bit."""

from __future__ import annotations

from itertools import cycle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel_canvas import DEVICE, LAYOUTS, Layout, canvas, laid_out
from scopeside.messages import ChipGrid
from scopeside_kernels import reference
from scopeside_kernels.chip_tables import ChipTables, chip_tables
from scopeside_kernels.chips import chips

DTYPES = ["u1", "u2", "u4", "i2", "i4", "f2", "f4", "f8"]

ROUNDING = 4e-7
"""Some additions in float32 of values up to one, in another order."""


def tables_of(grid: ChipGrid, input_px: int) -> ChipTables:
    return chip_tables(grid.y0_R, grid.x0_C, grid.chip_px, input_px, device=DEVICE)


def cut(
    frame: np.ndarray,
    window: tuple[float, float],
    grid: ChipGrid,
    input_px: int,
    layout: Layout = "packed",
    first: int = 0,
    count: int | None = None,
) -> np.ndarray:
    count = grid.chips - first if count is None else count
    made = canvas((count, 1, input_px, input_px), torch.float32, layout)
    on_device = torch.tensor(window, dtype=torch.float64, device=DEVICE)
    chips(
        laid_out(frame, layout), on_device, tables_of(grid, input_px), made.view, first_chip=first
    )
    return made.read()[:, 0]


def wanted(
    frame: np.ndarray, window: tuple[float, float], grid: ChipGrid, input_px: int
) -> np.ndarray:
    image = reference.normalise(frame, *window)
    return reference.chips(image, grid.y0_R, grid.x0_C, grid.chip_px, input_px)


@settings(max_examples=8)
@given(
    shape=st.tuples(st.integers(1, 25), st.integers(1, 25)),
    chip_px=st.integers(5, 24),
    stride_px=st.integers(8, 24),
    input_px=st.integers(5, 30),
    seed=st.integers(0, 2**32 - 1),
)
def test_chips_of_any_grid_agree_with_the_reference(
    shape: tuple[int, int], chip_px: int, stride_px: int, input_px: int, seed: int
) -> None:
    grid = ChipGrid(shape, chip_px, min(stride_px, chip_px))
    frame = np.random.default_rng(seed).integers(0, 1000, shape).astype(np.uint16)
    for size_px, tolerance in ((chip_px, 0), (input_px, ROUNDING)):
        made = cut(frame, (100.0, 900.0), grid, size_px)
        np.testing.assert_allclose(
            made, wanted(frame, (100.0, 900.0), grid, size_px), rtol=0, atol=tolerance
        )


@pytest.mark.parametrize(("dtype", "layout"), list(zip(DTYPES, cycle(LAYOUTS), strict=False)))
def test_frames_of_every_dtype_and_layout_are_cut_alike(dtype: str, layout: Layout) -> None:
    grid = ChipGrid((25, 17), 12, 9)
    frame = np.random.default_rng(1).integers(0, 120, grid.shape).astype(dtype)
    if dtype[0] == "f":
        frame[3, 4:7] = np.nan, np.inf, -np.inf
    for input_px, tolerance in ((12, 0), (17, ROUNDING), (7, ROUNDING)):
        made = cut(frame, (10.0, 90.0), grid, input_px, layout)
        np.testing.assert_allclose(
            made, wanted(frame, (10.0, 90.0), grid, input_px), rtol=0, atol=tolerance
        )


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("channels_last", [False, True])
def test_inputs_of_either_precision_any_channels_and_memory_format(
    channels: int, dtype: torch.dtype, channels_last: bool
) -> None:
    grid = ChipGrid((17, 24), 16, 8)
    frame = np.random.default_rng(2).random(grid.shape, dtype=np.float32)
    shape = (grid.chips, 24, 24, channels) if channels_last else (grid.chips, channels, 24, 24)
    made = canvas(shape, dtype, "packed", canary=7)
    view = made.view.permute(0, 3, 1, 2) if channels_last else made.view
    window = torch.tensor([0.0, 1.0], dtype=torch.float64, device=DEVICE)
    chips(laid_out(frame, "packed"), window, tables_of(grid, 24), view)
    got = np.moveaxis(made.read(), -1, 1) if channels_last else made.read()
    expected = np.repeat(wanted(frame, (0.0, 1.0), grid, 24)[:, None], channels, axis=1)
    tolerance = ROUNDING if dtype == torch.float32 else 2.0**-11
    np.testing.assert_allclose(got.astype(np.float32), expected, rtol=0, atol=tolerance)


def test_tiles_hold_the_same_bits_as_the_whole() -> None:
    grid = ChipGrid((20, 26), 10, 8)
    frame = np.random.default_rng(3).integers(0, 255, grid.shape).astype(np.uint8)
    whole = cut(frame, (0.0, 200.0), grid, 13)
    for first in range(0, grid.chips, 5):
        count = min(5, grid.chips - first)
        tile = cut(frame, (0.0, 200.0), grid, 13, first=first, count=count)
        np.testing.assert_array_equal(tile, whole[first : first + count])


def test_a_flat_frame_gives_black_chips() -> None:
    grid = ChipGrid((20, 20), 8, 8)
    assert not cut(np.full(grid.shape, 7, np.uint16), (7.0, 7.0), grid, 12).any()


def test_windows_beyond_float32_are_cut_in_double() -> None:
    grid = ChipGrid((12, 9), 8, 4)
    frame = np.random.default_rng(4).uniform(-3e38, 3e38, grid.shape).astype(np.float32)
    window = (-3e38, 3e38)
    np.testing.assert_array_equal(cut(frame, window, grid, 8), wanted(frame, window, grid, 8))
    made = cut(frame, window, grid, 11)
    np.testing.assert_allclose(made, wanted(frame, window, grid, 11), rtol=0, atol=ROUNDING)


def test_inputs_that_do_not_fit_are_refused() -> None:
    grid = ChipGrid((20, 20), 8, 8)
    frame = laid_out(np.zeros(grid.shape, np.float32), "packed")
    window = torch.zeros(2, dtype=torch.float64, device=DEVICE)
    for shape in ((grid.chips + 1, 1, 8, 8), (grid.chips, 1, 8, 9)):
        with pytest.raises(ValueError, match="do not fit"):
            chips(frame, window, tables_of(grid, 8), torch.empty(shape, device=DEVICE))
