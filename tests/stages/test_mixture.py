"""Chips on a border divide their votes by what they show of either side."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scopeside.messages import ChipGrid, Float32
from scopeside.stages.mixture import OWN_BALLOTS, mixture_of
from scopeside_kernels.reference import BALLOTS, paint

GRID = ChipGrid((256, 256), 64, 32)
FEATURES = 12


def looks_of(share_NK: np.ndarray) -> Float32:
    """Embeddings pooled over the chip: each material's own, by the share of the chip it covers."""
    centres_KD = np.random.default_rng(5).uniform(0.2, 1.0, (share_NK.shape[1], FEATURES))
    centres_KD /= np.linalg.norm(centres_KD, axis=1, keepdims=True)
    return (7.0 * share_NK @ centres_KD).astype(np.float32)


def left_of(front_px: float, grid: ChipGrid = GRID) -> np.ndarray:
    """Share of each chip that lies left of an upright front."""
    share_C = np.clip((front_px - grid.x0_C) / grid.chip_px, 0.0, 1.0)
    return np.tile(share_C, grid.rows)


@pytest.mark.parametrize("front_px", [97, 105, 112, 120, 128])
def test_a_front_is_painted_where_it_is_and_not_halfway_between_chips(front_px: int) -> None:
    left_N = left_of(front_px)
    ids_N = np.where(left_N >= 0.5, 1, 2).astype(np.uint16)
    mixture = mixture_of(ids_N, looks_of(np.stack([left_N, 1.0 - left_N], axis=1)), GRID)
    labels_YX, _ = paint(
        ids_N,
        GRID.y0_R,
        GRID.x0_C,
        GRID.chip_px,
        GRID.shape,
        second_N=mixture.second_N,
        ballots_N=mixture.ballots_N,
    )
    found_px_Y = (labels_YX == 1).sum(axis=1)
    assert np.abs(found_px_Y - front_px).max() <= 2


def test_chips_away_from_a_border_keep_their_votes() -> None:
    left_N = left_of(112)
    ids_N = np.where(left_N >= 0.5, 1, 2).astype(np.uint16)
    # However it looks: noise inside a material paints no specks.
    looks_ND = looks_of(np.stack([left_N, 1.0 - left_N], axis=1))
    looks_ND[0] = looks_ND[-1]
    mixture = mixture_of(ids_N, looks_ND, GRID)
    column_N = np.tile(np.arange(GRID.cols), GRID.rows)
    last_left = column_N[ids_N == 1].max()
    away_N = (column_N < last_left) | (column_N > last_left + 1)
    assert (mixture.ballots_N[away_N] == BALLOTS).all()
    assert (mixture.second_N[away_N] == ids_N[away_N]).all()
    assert (mixture.ballots_N[~away_N] < BALLOTS).any()


def test_a_chip_is_never_outvoted_by_itself() -> None:
    ids_N = np.where(left_of(112) >= 0.5, 1, 2).astype(np.uint16)
    swapped_N = 1.0 - left_of(112)
    # The chips on the border look like the other side entirely.
    border_N = (left_of(112) > 0) & (left_of(112) < 1)
    left_N = np.where(border_N, swapped_N.round(), left_of(112))
    mixture = mixture_of(ids_N, looks_of(np.stack([left_N, 1.0 - left_N], axis=1)), GRID)
    assert mixture.ballots_N.min() >= OWN_BALLOTS > BALLOTS / 2


def test_the_second_id_is_that_of_a_chip_nearby() -> None:
    # Material 3 lies in the far corner; a chip between 1 and 2 that looks a little like it too
    # votes for 2.
    place_RC = np.ones((GRID.rows, GRID.cols), np.int64)
    place_RC[:, 4:] = 2
    place_RC[5:, :2] = 3
    ids_N = place_RC.ravel().astype(np.uint16)
    share_NK = (place_RC.ravel()[:, None] == [1, 2, 3]).astype(float)
    chip = 0 * GRID.cols + 3
    share_NK[chip] = [0.5, 0.2, 0.3]
    mixture = mixture_of(ids_N, looks_of(share_NK), GRID)
    assert mixture.second_N[chip] == 2
    assert OWN_BALLOTS <= mixture.ballots_N[chip] < BALLOTS


def test_a_frame_of_one_community_is_left_whole() -> None:
    ids_N = np.full(GRID.chips, 9, np.uint16)
    mixture = mixture_of(ids_N, looks_of(np.ones((GRID.chips, 1))), GRID)
    assert (mixture.second_N == 9).all()
    assert (mixture.ballots_N == BALLOTS).all()


def test_chips_that_step_finely_are_on_a_border_as_far_as_they_reach() -> None:
    grid = ChipGrid((128, 256), 64, 16)
    left_N = left_of(120, grid)
    ids_N = np.where(left_N >= 0.5, 1, 2).astype(np.uint16)
    mixture = mixture_of(ids_N, looks_of(np.stack([left_N, 1.0 - left_N], axis=1)), grid)
    divided_N = mixture.ballots_N < BALLOTS
    assert divided_N.any()
    assert ((left_N[divided_N] > 0) & (left_N[divided_N] < 1)).all()
    # All but the slightest shares are seen.
    assert divided_N[np.minimum(left_N, 1.0 - left_N) > 0.1].all()


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    chip_px=st.integers(8, 40),
    stride_px=st.integers(2, 40),
    names=st.lists(st.integers(1, 65535), min_size=1, max_size=4),
    seed=st.integers(0, 2**32 - 1),
    blank=st.booleans(),
)
def test_votes_are_always_whole_whatever_comes(
    shape: tuple[int, int], chip_px: int, stride_px: int, names: list[int], seed: int, blank: bool
) -> None:
    grid = ChipGrid(shape, chip_px, min(chip_px, stride_px))
    random = np.random.default_rng(seed)
    ids_N = random.choice(np.array(names, np.uint16), grid.chips)
    looks_ND = random.random((grid.chips, 5)).astype(np.float32) * (0.0 if blank else 1.0)
    mixture = mixture_of(ids_N, looks_ND, grid)
    again = mixture_of(ids_N, looks_ND, grid)
    assert mixture.ballots_N.tobytes() == again.ballots_N.tobytes()
    assert set(mixture.second_N.tolist()) <= set(ids_N.tolist())
    assert ((mixture.ballots_N >= OWN_BALLOTS) & (mixture.ballots_N <= BALLOTS)).all()
