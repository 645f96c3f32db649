"""Frames whose rows lie farther apart than 32 bits can count are read and written in place.

Rows are 2**30 and some bytes apart, in memory that is reserved and, but for the few pages that
the frames touch, never used.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from kernel_canvas import DEVICE
from scopeside_kernels import reference
from scopeside_kernels.byteswap import byteswap
from scopeside_kernels.chip_tables import chip_tables
from scopeside_kernels.chips import chips
from scopeside_kernels.contrast import contrast_window
from scopeside_kernels.normalise import normalise
from scopeside_kernels.paint import paint
from scopeside_kernels.paint_tables import paint_tables
from scopeside_kernels.regions import region_tensors, regions

SHAPE = (4, 9)
APART = 2**30 + 13

VALUES = np.random.default_rng(1).integers(0, 256, SHAPE, np.uint8)


@pytest.fixture
def far_apart() -> torch.Tensor:
    """An uninitialised uint8 frame whose fourth row is beyond 2**31 bytes."""
    try:
        whole = torch.empty(3 * APART + 64, dtype=torch.uint8, device=DEVICE)
    except RuntimeError as error:
        pytest.skip(f"no room to reserve 3 GiB: {error}")
    return whole.as_strided(SHAPE, (APART, 1))


@pytest.fixture
def frame(far_apart: torch.Tensor) -> torch.Tensor:
    far_apart.copy_(torch.from_numpy(VALUES))
    return far_apart


def window_of(low: float, high: float) -> torch.Tensor:
    return torch.tensor([low, high], dtype=torch.float64, device=DEVICE)


def test_contrast_reads_them(frame: torch.Tensor) -> None:
    found = contrast_window(frame, 10, 90).read(VALUES.size)
    assert found == reference.contrast_window(VALUES, 10, 90)


def test_normalise_and_byteswap_read_them(frame: torch.Tensor) -> None:
    image = normalise(frame, window_of(20, 200)).cpu().numpy()
    np.testing.assert_array_equal(image, reference.normalise(VALUES, 20, 200))
    np.testing.assert_array_equal(byteswap(frame).cpu().numpy(), VALUES)


def test_chips_are_cut_from_them(frame: torch.Tensor) -> None:
    origins = (np.array([0, 1]), np.array([0, 4, 6]))
    tables = chip_tables(*origins, 3, 3, device=DEVICE)
    made = torch.empty((6, 1, 3, 3), device=DEVICE)
    chips(frame, window_of(20, 200), tables, made)
    image = reference.normalise(VALUES, 20, 200)
    np.testing.assert_array_equal(made[:, 0].cpu().numpy(), reference.chips(image, *origins, 3, 3))


def test_regions_are_measured_on_them(frame: torch.Tensor) -> None:
    labels = (VALUES % 3).astype(np.uint16)
    ids = np.array([2, 0], np.uint16)
    room = region_tensors(2, device=DEVICE, float_image=False)
    found = regions(
        torch.from_numpy(labels).to(DEVICE),
        frame,
        frame,
        torch.from_numpy(ids).to(DEVICE),
        out=replace(room, counts_PQK=room.counts_PQK[:2], sums_PK=room.sums_PK[:2]),
    )
    wanted = reference.regions(labels, VALUES, VALUES, ids)
    np.testing.assert_array_equal(found.mean_intensity_K.cpu().numpy(), wanted.mean_intensity_K)
    np.testing.assert_array_equal(found.confidence_K.cpu().numpy(), wanted.confidence_K)


def test_confidence_is_painted_on_them(far_apart: torch.Tensor) -> None:
    ids = np.array([1, 2, 2, 1], np.uint16)
    origins = (np.array([0]), np.array([0, 2, 4, 5]))
    tables = paint_tables(*origins, 4, SHAPE, device=DEVICE)
    labels, confidence = paint(torch.from_numpy(ids).to(DEVICE), tables, confidence_YX=far_apart)
    wanted = reference.paint(ids, *origins, 4, SHAPE)
    np.testing.assert_array_equal(labels.cpu().numpy(), wanted[0])
    np.testing.assert_array_equal(confidence.cpu().numpy(), wanted[1])
