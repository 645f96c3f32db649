"""Entropy, contrast, and which pixels they are taken from."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from described import SHAPE, grid_of, identified_by, map_of, stage, told, where, window
from scopeside.messages import Array, ChipGrid
from scopeside.stages.descriptors import Detector
from scopeside.stages.descriptors.sample import LARGEST_PX, chosen, side_of


def test_entropy_is_that_of_the_grey_levels() -> None:
    generator = np.random.default_rng(0)
    for levels in (2, 16, 256):
        image_YX = generator.integers(0, levels, SHAPE).astype(np.uint8)
        held = replace(window(image_YX), low=0.0, high=levels - 1.0)
        found = told(image_YX, contrast=held)["entropy_bits"]
        assert found == pytest.approx(math.log2(levels), abs=0.02)


def test_contrast_is_deviation_over_mean() -> None:
    image_YX = np.random.default_rng(0).normal(200.0, 30.0, SHAPE).astype(np.float32)
    assert told(image_YX)["contrast"] == pytest.approx(0.15, rel=0.02)
    # A wedge is no texture: within a chip it hardly changes anything.
    wedge_YX = image_YX + np.linspace(-20, 20, SHAPE[1])
    assert told(wedge_YX)["contrast"] == pytest.approx(0.15, rel=0.03)


def test_contrast_of_a_mean_below_zero_is_nil() -> None:
    image_YX = np.random.default_rng(0).normal(-5.0, 1.0, SHAPE).astype(np.float32)
    found = told(image_YX)
    assert found["contrast"] is None
    assert found["entropy_bits"] is not None


def test_a_constant_frame_has_the_keys_and_nothing_in_them() -> None:
    found = told(np.full(SHAPE, 7, np.uint8))
    assert set(found.descriptors[1].values()) == {None}


def test_a_few_hot_pixels_do_not_count() -> None:
    image_YX = np.random.default_rng(0).poisson(400.0, SHAPE).astype(np.uint16)
    plain, hot_YX = told(image_YX), image_YX.copy()
    hot_YX[::37, ::41] = 65535
    hot = told(hot_YX)
    assert hot["contrast"] == pytest.approx(plain["contrast"], rel=0.1)
    assert hot["crystallinity"] < 0.05


def test_pixels_that_are_not_finite_leave_finite_descriptors() -> None:
    image_YX = np.random.default_rng(0).normal(0.5, 0.1, SHAPE).astype(np.float32)
    image_YX[::9, ::7] = np.nan
    image_YX[::11, ::5] = np.inf
    found = told(image_YX)
    for name in ("crystallinity", "entropy_bits", "contrast"):
        value = found[name]
        assert value is not None
        assert math.isfinite(value)


@pytest.mark.parametrize("dtype", ["|u1", "<u2", ">u2", "<i4", ">u4", "<f2", ">f4", "<f8"])
def test_every_pixel_type_gives_the_same_descriptors(dtype: str) -> None:
    image_YX = np.random.default_rng(0).poisson(100.0, SHAPE).clip(0, 250)
    expected, found = told(image_YX.astype(np.float64)), told(image_YX.astype(dtype))
    for name, value in expected.descriptors[1].items():
        assert found[name] == (None if value is None else pytest.approx(value, rel=1e-4)), name


def test_dark_and_flat_field_are_taken_off_as_before_the_encoder() -> None:
    generator = np.random.default_rng(0)
    true_YX = generator.normal(200.0, 20.0, SHAPE).astype(np.float32)
    dark_YX = generator.uniform(50.0, 90.0, SHAPE).astype(np.float32)
    gain_YX = generator.uniform(0.5, 2.0, SHAPE).astype(np.float32)
    raw_YX = true_YX / gain_YX + dark_YX
    corrected = stage(Detector(dark_YX=dark_YX, gain_YX=gain_YX))
    expected = told(true_YX)
    found = told(raw_YX, by=corrected, contrast=window(true_YX))
    for name in ("entropy_bits", "contrast"):
        assert found[name] == pytest.approx(expected[name], rel=1e-3)


def test_each_community_is_described_by_its_own_chips() -> None:
    labels_YX = where(lambda y, x: x < 128)
    image_YX = np.where(labels_YX == 1, 100.0, 400.0).astype(np.float64)
    generator = np.random.default_rng(0)
    image_YX += np.where(labels_YX == 1, 10.0, 20.0) * generator.normal(size=SHAPE)
    found = told(image_YX, labels_YX).descriptors
    assert found[1]["contrast"] == pytest.approx(0.1, rel=0.03)
    assert found[2]["contrast"] == pytest.approx(0.05, rel=0.03)


def test_a_community_that_no_chip_lies_in_is_described_by_nils() -> None:
    labels_YX = np.ones(SHAPE, np.uint16)
    labels_YX[:, 92:98] = 2  # a sliver through the middle of a column of chips
    found = told(np.random.default_rng(0).poisson(400.0, SHAPE), labels_YX).descriptors
    assert set(found[2].values()) == {None}
    assert found[1]["contrast"] is not None


def chips_of(labels_RC: Array, grid: ChipGrid, most: int) -> list[tuple[int, int, int]]:
    identified = identified_by(labels_RC.ravel())
    labels_YX = np.repeat(np.repeat(labels_RC, grid.chip_px, 0), grid.chip_px, 1)
    sample = chosen(
        identified, map_of(labels_YX[: grid.shape[0], : grid.shape[1]]), grid, most=most
    )
    places = np.searchsorted(np.unique(labels_RC), sample.ids_K)
    return list(
        zip(
            places[sample.owner_M].tolist(), sample.y0_M.tolist(), sample.x0_M.tolist(), strict=True
        )
    )


def test_chips_are_bounded_spread_and_away_from_borders_first() -> None:
    grid = ChipGrid(shape=(640, 640), chip_px=64, stride_px=64)
    labels_RC = np.ones((10, 10), np.uint16)
    labels_RC[:, 5:] = 2
    found = chips_of(labels_RC, grid, 6)
    assert [owner for owner, _, _ in found] == [0] * 6 + [1] * 6
    assert all(x != 256 for owner, _, x in found if owner == 0)
    assert all(x != 320 for owner, _, x in found if owner == 1)
    rows = [y for owner, y, _ in found if owner == 0]
    assert max(rows) - min(rows) > 400
    assert found == chips_of(labels_RC, grid, 6)


def test_many_communities_share_the_chips_of_eight_and_of_too_many_the_largest_speak() -> None:
    grid = ChipGrid(shape=(1280, 1280), chip_px=64, stride_px=64)
    sixteen_RC = np.kron(np.arange(1, 17).reshape(4, 4), np.ones((5, 5))).astype(np.uint16)
    found = chips_of(sixteen_RC, grid, 8)
    assert np.bincount([owner for owner, _, _ in found]).tolist() == [4] * 16
    dust_RC = np.arange(1, 401, dtype=np.uint16).reshape(20, 20)
    dust_RC[10, 10] = dust_RC[10, 11]
    owners = [owner for owner, _, _ in chips_of(dust_RC, grid, 8)]
    assert len(owners) == len(set(owners)) == 64
    assert np.flatnonzero(np.unique(dust_RC) == dust_RC[10, 11])[0] in owners


def test_chips_on_borders_speak_where_there_are_no_others() -> None:
    grid = ChipGrid(shape=(640, 640), chip_px=64, stride_px=64)
    labels_RC = np.ones((10, 10), np.uint16)
    labels_RC[4, 4] = 2
    assert (1, 256, 256) in chips_of(labels_RC, grid, 6)


@pytest.mark.parametrize(
    ("chip_px", "side_px"), [(64, 64), (32, 32), (61, 60), (95, 90), (512, LARGEST_PX), (4, 4)]
)
def test_of_a_chip_an_even_middle_that_is_quick_to_transform_is_looked_at(
    chip_px: int, side_px: int
) -> None:
    grid = ChipGrid(shape=(1024, 1024), chip_px=chip_px, stride_px=chip_px // 2)
    assert side_of(grid) == side_px


def test_the_grid_of_the_tests_has_chips_that_overlap_by_half() -> None:
    assert (grid_of().rows, grid_of().cols) == (7, 7)
