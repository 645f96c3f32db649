"""Votes are divided on a card as on the CPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("triton", reason="Triton is not installed: pip install 'scopeside[gpu]'")

from scopeside.device.votes import Surroundings, divide_votes
from scopeside.messages import ChipGrid
from scopeside.stages.mixture import mixture_of
from scopeside_kernels.reference import BALLOTS

FEATURES = 24
ASKED = 8


def divided(ids_N, rows_ND, grid, asked):
    """Second ids and ballots by the card's launches."""
    norm_N = np.linalg.norm(rows_ND, axis=1)
    inverse_N = np.divide(1.0, norm_N, out=np.zeros_like(norm_N), where=norm_N > 0)
    asked_A = np.zeros(ASKED, np.uint16)
    asked_A[: len(asked)] = asked
    second_N = torch.full((grid.chips,), 77, dtype=torch.uint16)
    ballots_N = torch.full((grid.chips,), 77, dtype=torch.uint8)
    divide_votes(
        torch.from_numpy(ids_N),
        torch.from_numpy(asked_A),
        torch.from_numpy(rows_ND),
        torch.from_numpy(inverse_N),
        Surroundings.of(grid),
        second_N=second_N,
        ballots_N=ballots_N,
    )
    return second_N.numpy(), ballots_N.numpy()


@given(
    seed=st.integers(0, 10_000),
    shape=st.tuples(st.integers(20, 200), st.integers(20, 200)),
    stride_px=st.sampled_from([8, 16, 32]),
    ids=st.lists(st.integers(1, 65_535), min_size=1, max_size=5, unique=True),
    absent=st.lists(st.integers(1, 65_535), max_size=3, unique=True),
)
@settings(max_examples=60, deadline=None)
def test_votes_are_those_of_the_cpu(seed, shape, stride_px, ids, absent):
    random = np.random.default_rng(seed)
    grid = ChipGrid(shape, 32, stride_px)
    # Blocks of one id, so that there are chips away from borders, with single chips among them.
    row_N, col_N = np.divmod(np.arange(grid.chips), grid.cols)
    place_N = (row_N // 4 + col_N // 5) % len(ids)
    stray_N = random.random(grid.chips) < 0.05
    place_N[stray_N] = random.integers(0, len(ids), stray_N.sum())
    ids_N = np.array(ids, np.uint16)[place_N]
    centres_KD = random.uniform(0.2, 1.0, (len(ids), FEATURES))
    rows_ND = 3 * centres_KD[place_N] + random.normal(0, 0.4, (grid.chips, FEATURES))
    rows_ND = rows_ND.astype(np.float32)
    rows_ND[random.random(grid.chips) < 0.03] = 0
    expected = mixture_of(ids_N, rows_ND, grid)
    second_N, ballots_N = divided(ids_N, rows_ND, grid, sorted({*ids, *absent}))
    # A vote may be rounded to the other side, and with it goes who is second where none is given.
    off_N = np.abs(ballots_N.astype(int) - expected.ballots_N)
    assert off_N.max() <= 1
    given_N = expected.ballots_N < BALLOTS - 1
    np.testing.assert_array_equal(second_N[given_N], expected.second_N[given_N])
    assert np.isin(second_N, ids).all()


@pytest.mark.parametrize("apart", [0.0, 1e-4, 0.03])
def test_votes_are_divided_between_looks_that_differ_by_more_than_rounding(apart):
    grid = ChipGrid((96, 192), 32, 16)
    ids_N = np.where(np.arange(grid.chips) % grid.cols < 6, 3, 4).astype(np.uint16)
    rows_ND = np.ones((grid.chips, FEATURES), np.float32)
    # On the border chips lie between the two, and none has a look of its own where they are alike.
    cols_N = np.arange(grid.chips) % grid.cols
    rows_ND[:, ::2] += apart * np.clip((cols_N - 4) / 3, 0, 1)[:, None].astype(np.float32)
    second_N, ballots_N = divided(ids_N, rows_ND, grid, [3, 4])
    expected = mixture_of(ids_N, rows_ND, grid)
    np.testing.assert_array_equal(second_N != ids_N, expected.second_N != ids_N)
    assert np.abs(ballots_N.astype(int) - expected.ballots_N).max() <= 1
    assert (ballots_N < BALLOTS).any() == (apart > 1e-3)


def test_one_id_alone_keeps_all_its_votes():
    grid = ChipGrid((96, 96), 32, 16)
    ids_N = np.full(grid.chips, 65_535, np.uint16)
    rows_ND = np.random.default_rng(0).normal(size=(grid.chips, FEATURES)).astype(np.float32)
    second_N, ballots_N = divided(ids_N, rows_ND, grid, [65_535])
    assert (second_N == 65_535).all()
    assert (ballots_N == BALLOTS).all()
