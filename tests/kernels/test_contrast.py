"""Contrast: exact percentiles and safe arithmetic for every dtype that may arrive."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from scopeside_kernels.reference import contrast_window, normalise

NATIVE = ["|u1", "<u2", "<u4", "<i2", "<i4", "<f2", "<f4", "<f8"]
DTYPES = [*NATIVE, ">u2", ">u4", ">i2", ">i4", ">f2", ">f4", ">f8"]
FLOATS = [dtype for dtype in DTYPES if dtype[1] == "f"]
INTEGERS = [dtype for dtype in DTYPES if dtype[1] != "f"]

percentiles = st.sampled_from([0.0, 0.1, 0.5, 1.0, 7.0, 33.3, 50.0, 90.0, 99.5, 99.9, 100.0])
frames = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(np.dtype(dtype), hnp.array_shapes(min_dims=2, max_dims=2, max_side=12))
)


def slow_percentile(values: NDArray, percentile: float) -> float:
    finite = sorted(float(v) for v in values.ravel() if math.isfinite(float(v)))
    if not finite:
        return 0.0
    rank = math.ceil(Fraction(str(percentile)) / 100 * len(finite))
    return finite[max(rank, 1) - 1]


@settings(deadline=None, max_examples=150)
@given(frame=frames, low=percentiles, high=percentiles)
def test_percentiles_are_values_at_their_rank(frame: NDArray, low: float, high: float) -> None:
    window = contrast_window(frame, low, high)
    assert window.low == slow_percentile(frame, low)
    assert window.high == slow_percentile(frame, high)
    assert window.nonfinite_px == sum(not math.isfinite(float(v)) for v in frame.ravel())
    assert window.flat == (window.low == window.high)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_large_frame_of_each_dtype_has_numpys_inverted_percentiles(dtype: str) -> None:
    rng = np.random.default_rng(3)
    span = (0, 250) if dtype == "|u1" else (0, 2000) if dtype[1] == "u" else (-1000, 1000)
    frame = rng.integers(*span, (257, 131)).astype(dtype)
    window = contrast_window(frame, 0.5, 99.5)
    wanted = np.percentile(frame.astype(np.float64), [0.5, 99.5], method="inverted_cdf")
    assert [window.low, window.high] == wanted.tolist()
    assert not window.flat


@pytest.mark.parametrize("dtype", INTEGERS)
def test_saturation_counts_pixels_at_the_top_of_an_integer_dtype(dtype: str) -> None:
    frame = np.zeros((4, 5), dtype)
    frame[0, :3] = np.iinfo(dtype).max
    frame[1, 0] = np.iinfo(dtype).min
    window = contrast_window(frame, 0, 100)
    assert window.saturated_fraction == 3 / 20
    assert window.low == np.iinfo(dtype).min
    assert window.high == np.iinfo(dtype).max


@pytest.mark.parametrize("dtype", FLOATS)
def test_floats_do_not_saturate_and_frames_without_a_finite_pixel_are_flat(dtype: str) -> None:
    frame = np.full((3, 4), np.nan, dtype)
    frame[0] = np.inf, -np.inf, np.inf, -np.inf
    window = contrast_window(frame, 0.5, 99.5)
    assert (window.low, window.high, window.flat) == (0.0, 0.0, True)
    assert (window.nonfinite_px, window.saturated_fraction) == (12, 0.0)
    frame[2, 2] = 3.0
    assert contrast_window(frame, 0.5, 99.5).low == 3.0


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_constant_frame_is_flat(dtype: str) -> None:
    window = contrast_window(np.full((7, 3), 9, dtype), 0.5, 99.5)
    assert (window.low, window.high, window.flat) == (9.0, 9.0, True)


@settings(deadline=None, max_examples=150)
@given(frame=frames, low=percentiles, high=percentiles)
def test_normalised_frames_follow_the_window_in_double_precision(
    frame: NDArray, low: float, high: float
) -> None:
    window = contrast_window(frame, low, high)
    image = normalise(frame, window.low, window.high)
    assert image.dtype == np.float32
    assert image.shape == frame.shape
    assert image.flags.c_contiguous
    assert np.isfinite(image).all()
    if not window.low < window.high:
        assert not image.any()
        return
    low_exact, span = Fraction(window.low), Fraction(window.high) - Fraction(window.low)
    for value, got in zip(frame.ravel().tolist(), image.ravel().tolist(), strict=True):
        if not math.isfinite(value):
            assert got == 0
        else:
            wanted = min(max((Fraction(value) - low_exact) / span, Fraction(0)), Fraction(1))
            assert abs(got - float(wanted)) <= 2e-7


@pytest.mark.parametrize("dtype", FLOATS)
def test_pixels_that_are_not_finite_become_black(dtype: str) -> None:
    frame = np.array([[10, np.nan, 15, np.inf, 20, -np.inf]], dtype)
    np.testing.assert_allclose(normalise(frame, 10.0, 20.0), [[0, 0, 0.5, 0, 1, 0]])


@pytest.mark.parametrize("dtype", DTYPES)
def test_values_outside_the_window_are_clipped_not_wrapped(dtype: str) -> None:
    frame = np.array([[0, 10, 15, 20, 100]], dtype)
    np.testing.assert_allclose(normalise(frame, 10.0, 20.0), [[0, 0, 0.5, 1, 1]])


def test_large_offsets_keep_the_contrast_of_wide_dtypes() -> None:
    frame = np.array([[2**31 + 1, 2**31 + 2, 2**31 + 3]], "<u4")
    np.testing.assert_allclose(normalise(frame, 2**31 + 1, 2**31 + 3), [[0, 0.5, 1]])


def test_spans_beyond_the_dtype_do_not_overflow() -> None:
    biggest = float(np.finfo(np.float64).max)
    wide = np.array([[-biggest, 0, biggest]])
    np.testing.assert_allclose(normalise(wide, -biggest, biggest), [[0, 0.5, 1]])
    biggest = float(np.finfo(np.float32).max)
    wide32 = np.array([[-biggest, 0, biggest]], np.float32)
    np.testing.assert_allclose(normalise(wide32, -biggest, biggest), [[0, 0.5, 1]])


def test_a_window_finer_than_the_frames_dtype_is_computed_in_double() -> None:
    frame = np.array([[1e9, 1e9 + 64]], np.float32)
    np.testing.assert_allclose(normalise(frame, 1e9 - 1, 1e9 + 3), [[0.25, 1]])


@pytest.mark.parametrize(("low", "high"), [(5.0, 5.0), (6.0, 5.0), (math.nan, 5.0)])
def test_a_window_that_is_not_open_gives_zeros(low: float, high: float) -> None:
    assert not normalise(np.arange(12, dtype="<u2").reshape(3, 4), low, high).any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_views_with_strides_are_read_like_copies(dtype: str) -> None:
    base = np.random.default_rng(4).integers(0, 200, (60, 44)).astype(dtype)
    view = base[::2, ::-3].T
    copy = np.ascontiguousarray(view)
    window = contrast_window(view, 2, 98)
    assert window == contrast_window(copy, 2, 98)
    np.testing.assert_array_equal(
        normalise(view, window.low, window.high), normalise(copy, window.low, window.high)
    )
