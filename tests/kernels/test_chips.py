"""Chips: every pixel where it belongs, whatever the frame's shape, and torch's resizing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scopeside.messages import ChipGrid
from scopeside_kernels.reference import chips, resize_weights

shapes = st.tuples(st.integers(1, 40), st.integers(1, 40))


def numbered(shape: tuple[int, int]) -> NDArray[np.float32]:
    """A frame in which every pixel tells its own place."""
    return np.arange(shape[0] * shape[1], dtype=np.float32).reshape(shape)


def reflected(index: int, length: int) -> int:
    """Where an index past the edge looks: ... 2 1 0 | 0 1 2 ... n-1 | n-1 ... 0 | 0 ..."""
    index %= 2 * length
    return index if index < length else 2 * length - 1 - index


@settings(deadline=None, max_examples=80)
@given(shape=shapes, chip_px=st.integers(4, 24), stride_px=st.integers(1, 24))
def test_chips_are_row_major_windows_with_reflected_edges(
    shape: tuple[int, int], chip_px: int, stride_px: int
) -> None:
    grid = ChipGrid(shape, chip_px, min(stride_px, chip_px))
    image = numbered(shape)
    cut = chips(image, grid.y0_R, grid.x0_C, chip_px, chip_px)
    assert cut.dtype == np.float32
    assert cut.shape == (grid.chips, chip_px, chip_px)
    n = 0
    for y0 in grid.y0_R:
        rows = [reflected(int(y0) + v, shape[0]) for v in range(chip_px)]
        for x0 in grid.x0_C:
            columns = [reflected(int(x0) + u, shape[1]) for u in range(chip_px)]
            np.testing.assert_array_equal(cut[n], image[np.ix_(rows, columns)])
            n += 1


@settings(deadline=None, max_examples=60)
@given(shape=shapes, chip_px=st.integers(4, 24), stride_px=st.integers(1, 24))
def test_every_pixel_is_in_some_chip(shape: tuple[int, int], chip_px: int, stride_px: int) -> None:
    grid = ChipGrid(shape, chip_px, min(stride_px, chip_px))
    image = numbered(shape)
    assert set(chips(image, grid.y0_R, grid.x0_C, chip_px, chip_px).ravel()) == set(image.ravel())


@pytest.mark.parametrize(("chip_px", "input_px"), [(64, 64), (64, 224), (96, 40), (34, 32)])
def test_tiles_into_a_buffer_hold_the_same_bits_as_the_whole(chip_px: int, input_px: int) -> None:
    image = np.random.default_rng(0).random((150, 203), dtype=np.float32)
    grid = ChipGrid(image.shape, chip_px, chip_px // 2)
    whole = chips(image, grid.y0_R, grid.x0_C, chip_px, input_px)
    for first in range(0, grid.chips, 5):
        count = min(5, grid.chips - first)
        buffer = np.full((7, input_px, input_px), np.nan, np.float32)
        tile = chips(
            image,
            grid.y0_R,
            grid.x0_C,
            chip_px,
            input_px,
            out=buffer[:count],
            rows=slice(first, first + 5),
        )
        assert np.shares_memory(tile, buffer)
        np.testing.assert_array_equal(buffer[:count], whole[first : first + count])
        assert np.isnan(buffer[count:]).all()


@pytest.mark.parametrize("length_px", [4, 32, 33, 64, 95, 255])
@pytest.mark.parametrize("size_px", [4, 32, 64, 224])
def test_resizing_is_torchs_antialiased_bilinear(length_px: int, size_px: int) -> None:
    torch = pytest.importorskip("torch")
    image = np.random.default_rng(1).random((length_px, length_px), dtype=np.float32)
    wanted = torch.nn.functional.interpolate(
        torch.from_numpy(image)[None, None].double(),
        size=(size_px, size_px),
        mode="bilinear",
        antialias=True,
        align_corners=False,
    )[0, 0].numpy()
    origin = np.zeros(1, np.int64)
    resized = chips(image, origin, origin, length_px, size_px)[0]
    np.testing.assert_allclose(resized, wanted, atol=5e-7)


@given(length_px=st.integers(1, 300), size_px=st.integers(1, 300))
def test_resizing_keeps_a_constant(length_px: int, size_px: int) -> None:
    weights = resize_weights(length_px, size_px)
    assert weights.shape == (size_px, length_px)
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    if length_px == size_px:
        np.testing.assert_array_equal(weights, np.eye(size_px, dtype=np.float32))


@pytest.mark.parametrize("input_px", [16, 40])
def test_views_with_strides_are_cut_like_copies(input_px: int) -> None:
    base = np.random.default_rng(2).random((90, 120), dtype=np.float32)
    view = base[::2, ::-3].T
    grid = ChipGrid(view.shape, 16, 7)
    np.testing.assert_array_equal(
        chips(view, grid.y0_R, grid.x0_C, 16, input_px),
        chips(np.ascontiguousarray(view), grid.y0_R, grid.x0_C, 16, input_px),
    )
