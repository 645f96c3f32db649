"""Contrast windows found on a device, and images made with them, are the reference's."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import cycle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kernel_canvas import DEVICE, LAYOUTS, Layout, canvas, laid_out
from scopeside_kernels import reference
from scopeside_kernels.contrast import contrast_tensors, contrast_window
from scopeside_kernels.normalise import normalise

DTYPES = ["u1", "u2", "u4", "i2", "i4", "f2", "f4", "f8"]

percentiles = st.sampled_from([0.0, 0.1, 0.5, 1.0, 7.0, 33.3, 50.0, 90.0, 99.5, 99.9, 100.0])
frames = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(np.dtype(dtype), hnp.array_shapes(min_dims=2, max_dims=2, max_side=9))
)


def window_of(
    frame: np.ndarray, low: float = 0.5, high: float = 99.5, layout: Layout = "packed"
) -> reference.ContrastWindow:
    values = laid_out(frame, layout)
    room = contrast_tensors(values.dtype, device=DEVICE)
    window = canvas((2,), torch.float64, "packed")
    counts = canvas((2,), torch.int64, "packed")
    bins = canvas(tuple(room.bins_B2256.shape), torch.int32, "packed")
    out = replace(room, window_2=window.view, counts_2=counts.view, bins_B2256=bins.view)
    found = contrast_window(values, low, high, out=out).read(frame.size)
    for written in (window, counts, bins):
        written.read()
    return found


def image_of(frame: np.ndarray, low: float, high: float, layout: Layout = "packed") -> np.ndarray:
    image = canvas(frame.shape, torch.float32, layout)
    window = torch.tensor([low, high], dtype=torch.float64, device=DEVICE)
    normalise(laid_out(frame, layout), window, image_YX=image.view)
    return image.read()


@settings(max_examples=15)
@given(frame=frames, low=percentiles, high=percentiles)
def test_any_frames_window_and_image_are_the_references(
    frame: np.ndarray, low: float, high: float
) -> None:
    wanted = reference.contrast_window(frame, low, high)
    assert window_of(frame, low, high) == wanted
    np.testing.assert_array_equal(
        image_of(frame, wanted.low, wanted.high),
        reference.normalise(frame, wanted.low, wanted.high),
    )


@pytest.mark.parametrize(("dtype", "layout"), list(zip(DTYPES, cycle(LAYOUTS), strict=False)))
def test_frames_of_every_dtype_and_layout_with_pixels_in_many_tiles(
    dtype: str, layout: Layout
) -> None:
    rng = np.random.default_rng(1)
    frame = (rng.normal(0, 1, (9, 270)) * 40 + (120 if dtype[0] == "u" else 0)).astype(dtype)
    wanted = reference.contrast_window(frame, 1, 98)
    assert not wanted.flat
    assert window_of(frame, 1, 98, layout) == wanted
    np.testing.assert_array_equal(
        image_of(frame, wanted.low, wanted.high, layout),
        reference.normalise(frame, wanted.low, wanted.high),
    )


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "i2", "i4"])
def test_the_ends_of_integer_dtypes_are_found_and_the_upper_one_is_saturation(dtype: str) -> None:
    frame = np.zeros((4, 5), dtype)
    frame[0, :3] = np.iinfo(dtype).max
    frame[1, 0] = np.iinfo(dtype).min
    assert window_of(frame, 0, 100) == reference.contrast_window(frame, 0, 100)
    assert window_of(frame, 0, 100).saturated_fraction == 3 / 20


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_pixels_that_are_not_finite_are_counted_and_left_out(dtype: str) -> None:
    top = np.finfo(dtype).max
    frame = np.array([[np.nan, np.inf, -np.inf, 3], [-top, top, -0.0, 1]], dtype)
    for low, high in ((0, 100), (20, 80)):
        wanted = reference.contrast_window(frame, low, high)
        assert window_of(frame, low, high) == wanted
        np.testing.assert_array_equal(
            image_of(frame, wanted.low, wanted.high),
            reference.normalise(frame, wanted.low, wanted.high),
        )
    nothing = window_of(np.full((3, 4), np.nan, dtype))
    assert (nothing.low, nothing.high, nothing.flat, nothing.nonfinite_px) == (0, 0, True, 12)


def test_values_too_close_for_float32_or_too_large_for_it_are_told_apart() -> None:
    for frame, low, high in (
        (np.array([[2**31 + 1, 2**31 + 2, 2**31 + 3]], "u4"), 2**31 + 1.0, 2**31 + 3.0),
        (np.array([[1e9, 1e9 + 64]], "f4"), 1e9 - 1, 1e9 + 3),
        (np.array([[-3e38, 0, 3e38]], "f4"), -3e38, 3e38),
    ):
        np.testing.assert_array_equal(
            image_of(frame, low, high), reference.normalise(frame, low, high)
        )


@pytest.mark.parametrize(
    ("low", "high"), [(5.0, 5.0), (6.0, 5.0), (math.nan, 5.0), (5.0, math.nan)]
)
def test_a_window_that_is_not_open_gives_zeros(low: float, high: float) -> None:
    assert not image_of(np.arange(12, dtype="u2").reshape(3, 4), low, high).any()
    assert not image_of(np.arange(12, dtype="f8").reshape(3, 4), low, high).any()


def test_room_used_before_holds_nothing_of_the_frame_before() -> None:
    room = contrast_tensors(torch.float32, device=DEVICE)
    for seed in range(2):
        frame = np.random.default_rng(seed).normal(size=(6, 7)).astype(np.float32)
        frame[0, seed] = np.nan
        found = contrast_window(laid_out(frame, "packed"), 10, 90, out=room).read(frame.size)
        assert found == reference.contrast_window(frame, 10, 90)


def test_a_percentile_whose_rank_needs_more_than_64_bits_is_refused() -> None:
    frame = laid_out(np.zeros((900, 900), np.uint8), "packed")
    with pytest.raises(ValueError, match="fewer decimals"):
        contrast_window(frame, 1 / 3, 99.5)


def test_room_for_other_pixels_is_refused() -> None:
    frame = laid_out(np.zeros((4, 4), np.uint8), "packed")
    with pytest.raises(ValueError, match="contrast_tensors"):
        contrast_window(frame, 1, 99, out=contrast_tensors(torch.float32, device=DEVICE))
