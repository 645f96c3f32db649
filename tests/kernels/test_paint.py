"""Painting: the votes of overlapping chips, exact against counting them pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scopeside.messages import ChipGrid
from scopeside_kernels.reference import BALLOTS, Window, paint, paint_plan, plan_paint


def slow_paint(
    ids: NDArray[np.uint16],
    grid: ChipGrid,
    window: Window,
    second: NDArray[np.uint16] | None = None,
    ballots: NDArray[np.uint8] | None = None,
) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """Each pixel asks each chip; plain integers, no arrays."""
    chip = grid.chip_px

    def weight(u: int) -> int:
        return min(2 * u + 1, 2 * chip - 2 * u - 1) if window == "triangle" else 1

    ny, nx = grid.shape
    labels, confidence = np.zeros((ny, nx), np.uint16), np.zeros((ny, nx), np.uint8)
    for y in range(ny):
        for x in range(nx):
            votes: dict[int, int] = {}
            for r, y0 in enumerate(grid.y0_R.tolist()):
                for c, x0 in enumerate(grid.x0_C.tolist()):
                    if y0 <= y < y0 + chip and x0 <= x < x0 + chip:
                        n = r * grid.cols + c
                        own = BALLOTS if ballots is None else int(ballots[n])
                        other = int(ids[n] if second is None else second[n])
                        for name, cast in ((int(ids[n]), own), (other, BALLOTS - own)):
                            if cast:
                                place = weight(y - y0) * weight(x - x0)
                                votes[name] = votes.get(name, 0) + cast * place
            winner = min(votes, key=lambda name: (-votes[name], name))
            total = sum(votes.values())
            labels[y, x] = winner
            confidence[y, x] = (510 * votes[winner] + total) // (2 * total)
    return labels, confidence


@settings(deadline=None, max_examples=120)
@given(
    shape=st.tuples(st.integers(1, 23), st.integers(1, 23)),
    chip_px=st.integers(4, 12),
    stride_px=st.integers(1, 12),
    window=st.sampled_from(["triangle", "uniform"]),
    names=st.lists(st.integers(0, 65535), min_size=1, max_size=4),
    seed=st.integers(0, 2**32 - 1),
)
def test_painting_equals_counting_votes_pixel_by_pixel(
    shape: tuple[int, int],
    chip_px: int,
    stride_px: int,
    window: Window,
    names: list[int],
    seed: int,
) -> None:
    grid = ChipGrid(shape, chip_px, min(stride_px, chip_px))
    ids = np.random.default_rng(seed).choice(np.array(names, np.uint16), grid.chips)
    labels, confidence = paint(ids, grid.y0_R, grid.x0_C, chip_px, shape, window=window)
    assert (labels.dtype, confidence.dtype) == (np.uint16, np.uint8)
    wanted_labels, wanted_confidence = slow_paint(ids, grid, window)
    np.testing.assert_array_equal(labels, wanted_labels)
    np.testing.assert_array_equal(confidence, wanted_confidence)


@settings(deadline=None, max_examples=80)
@given(
    shape=st.tuples(st.integers(1, 23), st.integers(1, 23)),
    chip_px=st.integers(4, 12),
    stride_px=st.integers(1, 12),
    names=st.lists(st.integers(0, 65535), min_size=1, max_size=4),
    seed=st.integers(0, 2**32 - 1),
)
def test_divided_votes_equal_counting_them_pixel_by_pixel(
    shape: tuple[int, int], chip_px: int, stride_px: int, names: list[int], seed: int
) -> None:
    grid = ChipGrid(shape, chip_px, min(stride_px, chip_px))
    random = np.random.default_rng(seed)
    ids, second = random.choice(np.array(names, np.uint16), (2, grid.chips))
    ballots = random.choice(np.array([0, 1, 33, 63, 64], np.uint8), grid.chips)
    labels, confidence = paint(
        ids, grid.y0_R, grid.x0_C, chip_px, shape, second_N=second, ballots_N=ballots
    )
    wanted_labels, wanted_confidence = slow_paint(ids, grid, "triangle", second, ballots)
    np.testing.assert_array_equal(labels, wanted_labels)
    np.testing.assert_array_equal(confidence, wanted_confidence)


def test_a_front_is_painted_where_the_votes_of_its_chips_put_it() -> None:
    grid = ChipGrid((64, 128), 32, 16)
    for front_px in (50, 56, 61, 64):
        # What a pooled embedding tells: how much of each chip lies left of the front.
        left_C = np.clip((front_px - grid.x0_C) / 32, 0.0, 1.0)
        left_N = np.tile(left_C, grid.rows)
        ids = np.where(left_N >= 0.5, 1, 2).astype(np.uint16)
        second = (3 - ids).astype(np.uint16)
        ballots = np.rint(BALLOTS * np.maximum(left_N, 1.0 - left_N)).astype(np.uint8)
        labels, _ = paint(
            ids, grid.y0_R, grid.x0_C, 32, grid.shape, second_N=second, ballots_N=ballots
        )
        assert abs(int((labels[32] == 1).sum()) - front_px) <= 1
        assert (labels == labels[:1]).all()


@pytest.mark.parametrize("shape", [(70, 131), (131, 70)])
def test_the_default_chips_on_a_frame_of_no_whole_number_of_strides(shape: tuple[int, int]) -> None:
    grid = ChipGrid(shape, 64, 32)
    ids = np.random.default_rng(0).integers(1, 5, grid.chips).astype(np.uint16)
    labels, confidence = paint(ids, grid.y0_R, grid.x0_C, 64, shape)
    wanted_labels, wanted_confidence = slow_paint(ids, grid, "triangle")
    np.testing.assert_array_equal(labels, wanted_labels)
    np.testing.assert_array_equal(confidence, wanted_confidence)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (63, 64), (64, 64)])
def test_one_chip_labels_the_whole_of_a_small_frame_with_certainty(shape: tuple[int, int]) -> None:
    grid = ChipGrid(shape, 64, 32)
    assert grid.chips == 1
    labels, confidence = paint(np.array([7], np.uint16), grid.y0_R, grid.x0_C, 64, shape)
    assert labels.shape == confidence.shape == shape
    assert (labels == 7).all()
    assert (confidence == 255).all()


def test_agreement_is_certain_and_a_tie_goes_to_the_lower_id() -> None:
    grid = ChipGrid((4, 6), 4, 2)  # two chips, six votes each way in the middle
    ids = np.array([9, 3], np.uint16)
    labels, confidence = paint(ids, grid.y0_R, grid.x0_C, 4, grid.shape, window="uniform")
    assert labels.tolist() == [[9, 9, 3, 3, 3, 3]] * 4
    assert confidence.tolist() == [[255, 255, 128, 128, 255, 255]] * 4


def test_a_front_between_two_phases_is_painted_halfway_between_their_chips() -> None:
    grid = ChipGrid((64, 128), 32, 16)
    ids = np.where(np.tile(grid.x0_C, grid.rows) < 48, 1, 2).astype(np.uint16)
    labels, _ = paint(ids, grid.y0_R, grid.x0_C, 32, grid.shape)
    # Chips at 32 and 48 disagree; both votes count the same midway between their middles.
    assert (labels == np.where(np.arange(128) < 56, 1, 2)).all()


def test_ties_of_large_chips_stay_ties() -> None:
    """Votes above 2**24, which float32 would round and so decide a tie by accident.

    Weights rise by the same step from chip to chip, so two ids on the chips 0, 3, 5, 6 and
    1, 2, 4, 7 have equal sums.
    """
    chip_px, shape = 4096, (1200, 1200)
    y0, x0 = np.array([0]), np.arange(8)
    ids = np.array([3, 9, 9, 3, 9, 3, 3, 9], np.uint16)
    labels, confidence = paint(ids, y0, x0, chip_px, shape)
    assert 4 * (2 * (shape[0] - 1) + 1) * (2 * (shape[1] - 8) + 1) > 2**24
    assert (labels[:, 7:] == 3).all()
    assert (confidence[:, 7:] == 128).all()


def test_shares_are_exact_where_only_the_votes_fit_float32() -> None:
    """Halves of less than 2**24 votes, which 510 times over are more than float32 can hold."""
    y0, x0 = np.array([0]), np.arange(8)
    ids = np.array([3, 9, 9, 3, 9, 3, 3, 9], np.uint16)
    labels, confidence = paint(ids, y0, x0, 4096, (600, 400))
    assert (labels[:, 7:] == 3).all()
    assert (confidence[:, 7:] == 128).all()


def test_a_plan_serves_many_frames_and_remembers_none() -> None:
    grid = ChipGrid((90, 130), 32, 11)
    plan = plan_paint(grid.y0_R, grid.x0_C, 32, grid.shape)
    rng = np.random.default_rng(1)
    for _ in range(3):
        ids = rng.integers(1, 4, grid.chips).astype(np.uint16)
        labels, confidence = paint_plan(ids, plan)
        again = paint(ids, grid.y0_R, grid.x0_C, 32, grid.shape)
        np.testing.assert_array_equal(labels, again[0])
        np.testing.assert_array_equal(confidence, again[1])


def test_contested_cells_are_decided_alike_in_one_go_or_in_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    grid = ChipGrid((120, 95), 24, 8)
    ids = np.random.default_rng(2).integers(0, 9, grid.chips).astype(np.uint16)
    whole = paint(ids, grid.y0_R, grid.x0_C, 24, grid.shape)
    monkeypatch.setattr("scopeside_kernels.reference._VOTES_AT_ONCE", 1)
    single = paint(ids, grid.y0_R, grid.x0_C, 24, grid.shape)
    np.testing.assert_array_equal(whole[0], single[0])
    np.testing.assert_array_equal(whole[1], single[1])
