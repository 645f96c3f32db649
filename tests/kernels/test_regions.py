"""Regions: area, place and brightness of communities against masks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scopeside_kernels.reference import Regions, regions

DTYPES = [
    "|u1",
    "<u2",
    ">u2",
    "<u4",
    ">u4",
    "<i2",
    ">i2",
    "<i4",
    ">i4",
    "<f2",
    ">f2",
    "<f4",
    ">f4",
    "<f8",
    ">f8",
]


def check_against_masks(
    found: Regions, labels: NDArray, confidence: NDArray, image: NDArray, ids: NDArray
) -> None:
    for k, name in enumerate(ids.tolist()):
        y, x = np.nonzero(labels == name)
        assert found.area_px_K[k] == len(y)
        if len(y) == 0:
            assert found.bbox_K4[k].tolist() == [0, 0, 0, 0]
            assert np.isnan(found.centroid_K2[k]).all()
            assert math.isnan(found.mean_intensity_K[k])
            assert math.isnan(found.confidence_K[k])
            continue
        assert found.bbox_K4[k].tolist() == [y.min(), x.min(), y.max() + 1, x.max() + 1]
        np.testing.assert_allclose(found.centroid_K2[k], [y.mean(), x.mean()], rtol=1e-12)
        np.testing.assert_allclose(found.confidence_K[k], confidence[y, x].mean() / 255, rtol=1e-12)
        values = image[y, x].astype(np.float64)
        values = values[np.isfinite(values)]
        if len(values):
            np.testing.assert_allclose(found.mean_intensity_K[k], math.fsum(values) / len(values))
        else:
            assert math.isnan(found.mean_intensity_K[k])


@settings(deadline=None, max_examples=120)
@given(
    shape=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    dtype=st.sampled_from(DTYPES),
    seed=st.integers(0, 2**32 - 1),
    ids=st.lists(st.integers(0, 9), max_size=6, unique=True),
    holes=st.booleans(),
)
def test_regions_are_what_masks_say(
    shape: tuple[int, int], dtype: str, seed: int, ids: list[int], holes: bool
) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 5, shape).astype(np.uint16)
    confidence = rng.integers(0, 256, shape).astype(np.uint8)
    image = rng.integers(0, 200, shape).astype(dtype)
    if holes and dtype[1] == "f":
        image[rng.random(shape) < 0.3] = rng.choice([np.nan, np.inf, -np.inf])
    asked = np.array(ids, np.uint16)
    found = regions(labels, confidence, image, asked)
    check_against_masks(found, labels, confidence, image, asked)


def test_a_rectangle_is_measured_where_it_lies() -> None:
    labels = np.ones((30, 50), np.uint16)
    labels[4:10, 20:45] = 6
    confidence = np.full(labels.shape, 255, np.uint8)
    confidence[4:10, 20:45] = 51
    image = np.where(labels == 6, 1000, 10).astype(">u2")
    found = regions(labels, confidence, image, np.array([6, 1], np.uint16))
    assert found.area_px_K.tolist() == [150, 1350]
    assert found.bbox_K4.tolist() == [[4, 20, 10, 45], [0, 0, 30, 50]]
    assert found.centroid_K2[0].tolist() == [6.5, 32.0]
    assert found.mean_intensity_K.tolist() == [1000.0, 10.0]
    np.testing.assert_allclose(found.confidence_K, [0.2, 1.0])


def test_extreme_values_do_not_overflow() -> None:
    labels = np.ones((8, 8), np.uint16)
    certain = np.full((8, 8), 255, np.uint8)
    one = np.array([1], np.uint16)
    for dtype in ("<u4", "<i4"):
        image = np.full((8, 8), np.iinfo(dtype).max, dtype)
        assert regions(labels, certain, image, one).mean_intensity_K[0] == np.iinfo(dtype).max
    for dtype in ("<f2", "<f4", "<f8"):
        image = np.full((8, 8), np.finfo(dtype).max, dtype)
        assert regions(labels, certain, image, one).mean_intensity_K[0] == np.finfo(dtype).max


@pytest.mark.parametrize("dtype", DTYPES)
def test_views_with_strides_are_measured_like_copies(dtype: str) -> None:
    rng = np.random.default_rng(8)
    labels = rng.integers(1, 4, (64, 40)).astype(np.uint16)[::2, ::-2].T
    confidence = rng.integers(0, 256, (64, 40)).astype(np.uint8)[::2, ::-2].T
    image = rng.integers(0, 200, (64, 40)).astype(dtype)[::2, ::-2].T
    ids = np.array([1, 2, 3], np.uint16)
    check_against_masks(regions(labels, confidence, image, ids), labels, confidence, image, ids)
