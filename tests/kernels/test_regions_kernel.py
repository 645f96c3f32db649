"""Communities measured on a device are those of the reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel_canvas import DEVICE, LAYOUTS, Layout, canvas, laid_out
from scopeside_kernels import reference
from scopeside_kernels.regions import region_tensors, regions

DTYPES = ["u1", "u2", "u4", "i2", "i4", "f2", "f4", "f8"]


def check(
    labels: np.ndarray,
    confidence: np.ndarray,
    image: np.ndarray,
    ids: np.ndarray,
    layout: Layout = "packed",
) -> None:
    count = len(ids)
    area = canvas((count,), torch.int64, "packed")
    box = canvas((count, 4), torch.int64, "packed")
    centroid = canvas((count, 2), torch.float64, "packed")
    intensity = canvas((count,), torch.float64, "packed")
    certainty = canvas((count,), torch.float64, "packed")
    room = region_tensors(count, device=DEVICE, float_image=image.dtype.kind == "f")
    # Few programs, so that a small frame gives each of them several tiles.
    counts = canvas((3, *room.counts_PQK.shape[1:]), torch.int64, "packed")
    sums = canvas((3, count), room.sums_PK.dtype, "packed")
    regions(
        laid_out(labels, layout),
        laid_out(confidence, layout),
        laid_out(image, layout),
        laid_out(ids, "packed"),
        out=replace(
            room,
            area_px_K=area.view,
            centroid_K2=centroid.view,
            bbox_K4=box.view,
            mean_intensity_K=intensity.view,
            confidence_K=certainty.view,
            counts_PQK=counts.view,
            sums_PK=sums.view,
        ),
    )
    wanted = reference.regions(labels, confidence, image, ids)
    np.testing.assert_array_equal(area.read(), wanted.area_px_K)
    np.testing.assert_array_equal(centroid.read(), wanted.centroid_K2)
    np.testing.assert_array_equal(box.read(), wanted.bbox_K4)
    np.testing.assert_array_equal(certainty.read(), wanted.confidence_K)
    if image.dtype.kind == "f":
        np.testing.assert_allclose(
            intensity.read(), wanted.mean_intensity_K, rtol=1e-13, atol=1e-12
        )
    else:
        np.testing.assert_array_equal(intensity.read(), wanted.mean_intensity_K)
    counts.read()
    sums.read()


@settings(max_examples=10)
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 90)),
    dtype=st.sampled_from(DTYPES),
    seed=st.integers(0, 2**32 - 1),
    ids=st.lists(st.integers(0, 9), min_size=1, max_size=6),
    holes=st.booleans(),
)
def test_measures_are_those_of_the_reference_for_any_frame_and_ids_asked_in_any_order(
    shape: tuple[int, int], dtype: str, seed: int, ids: list[int], holes: bool
) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, shape).astype(np.uint16)
    image = rng.integers(0, 200, shape).astype(dtype)
    if holes and dtype[0] == "f":
        image[rng.random(shape) < 0.3] = rng.choice([np.nan, np.inf, -np.inf])
    check(labels, rng.integers(0, 256, shape).astype(np.uint8), image, np.array(ids, np.uint16))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_frames_of_every_dtype_and_layout_are_measured_alike(dtype: str, layout: Layout) -> None:
    rng = np.random.default_rng(3)
    shape = (35, 70)
    labels = np.where(np.arange(70) < 30, 65535, rng.integers(0, 2, (35, 1))).astype(np.uint16)
    low = 0 if dtype[0] == "u" else -100
    image = rng.integers(low, 100, shape).astype(dtype)
    ids = np.array([65535, 1, 7], np.uint16)
    check(labels, rng.integers(0, 256, shape).astype(np.uint8), image, ids, layout)


def test_more_communities_than_one_program_keeps_are_measured_in_several() -> None:
    rng = np.random.default_rng(4)
    labels = np.repeat(rng.permutation(80), 4).reshape(16, 20).astype(np.uint16)
    image = rng.integers(0, 999, labels.shape).astype(np.uint16)
    ids = rng.permutation(90).astype(np.uint16)
    check(labels, np.full(labels.shape, 200, np.uint8), image, ids)


@pytest.mark.parametrize("dtype", ["u4", "i4", "f2", "f4", "f8"])
def test_extreme_values_do_not_overflow(dtype: str) -> None:
    top = np.finfo(dtype).max if dtype[0] == "f" else np.iinfo(dtype).max
    image = np.full((8, 8), top, dtype)
    check(np.ones((8, 8), np.uint16), np.full((8, 8), 255, np.uint8), image, np.array([1]))


def test_no_community_asked_for_is_no_work() -> None:
    found = regions(
        laid_out(np.ones((3, 4), np.uint16), "packed"),
        laid_out(np.ones((3, 4), np.uint8), "packed"),
        laid_out(np.ones((3, 4), np.float32), "packed"),
        laid_out(np.empty(0, np.uint16), "packed"),
    )
    assert found.area_px_K.shape == (0,)


def test_room_for_the_other_kind_of_frame_is_refused() -> None:
    labels = laid_out(np.ones((3, 4), np.uint16), "packed")
    room = region_tensors(1, device=DEVICE, float_image=False)
    image = laid_out(np.ones((3, 4), np.float32), "packed")
    with pytest.raises(ValueError, match="region_tensors"):
        regions(
            labels, laid_out(np.ones((3, 4), np.uint8), "packed"), image, labels[0, :1], out=room
        )
