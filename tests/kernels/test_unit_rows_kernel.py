"""Rows of length one on a device agree with the reference to the last bit of float32."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel_canvas import DEVICE, LAYOUTS, Layout, canvas, laid_out
from scopeside_kernels import reference
from scopeside_kernels.unit_rows import unit_rows, unit_rows_room

ONE_BIT = 2.0**-23
"""Relative; sums in float64 in another order may tip the rounding to float32, not more."""


def check(
    rows: np.ndarray,
    *,
    centred: bool,
    half: bool = False,
    layout: Layout = "packed",
    bands: int = 4,
) -> None:
    unit = canvas(rows.shape, torch.float32, layout, canary=7)
    short = canvas(rows.shape, torch.float16, layout, canary=7)
    room = unit_rows_room(rows.shape[1], device=DEVICE)[: bands + 1]
    unit_rows(
        laid_out(rows, layout),
        centred=centred,
        unit_ND=unit.view,
        half_ND=short.view if half else None,
        room_BD=room,
    )
    wanted = reference.unit_rows(rows, centred=centred)
    got = unit.read()
    np.testing.assert_allclose(got, wanted, rtol=ONE_BIT, atol=1e-15)
    np.testing.assert_array_equal((got == 0).all(axis=1), (wanted == 0).all(axis=1))
    if half:
        np.testing.assert_array_equal(short.read(), got.astype(np.float16))
    else:
        assert (short.read() == 7).all()


@settings(max_examples=12)
@given(
    seed=st.integers(0, 2**32 - 1),
    nodes=st.integers(1, 20),
    features=st.integers(1, 40),
    offset=st.sampled_from([0.0, 3.0, 1000.0]),
    centred=st.booleans(),
    bands=st.integers(1, 6),
)
def test_rows_agree_with_the_reference(
    seed: int, nodes: int, features: int, offset: float, centred: bool, bands: int
) -> None:
    rows = np.random.default_rng(seed).normal(offset, 1, (nodes, features)).astype(np.float32)
    check(rows, centred=centred, bands=bands)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("centred", [True, False])
def test_embeddings_of_either_precision_and_any_layout(
    dtype: type, layout: Layout, centred: bool
) -> None:
    rows = np.random.default_rng(1).normal(2, 1, (19, 301)).astype(dtype)
    check(rows, centred=centred, half=True, layout=layout)


def test_more_features_than_a_block_are_summed_block_by_block() -> None:
    check(np.random.default_rng(2).normal(0, 1, (3, 2500)).astype(np.float32), centred=True)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_equal_rows_become_zero_when_centred_whatever_their_scale(scale: float) -> None:
    rows = np.tile(np.linspace(0.1, 1.7, 48, dtype=np.float32) * np.float32(scale), (9, 1))
    check(rows, centred=True)
    check(rows, centred=False)


def test_rows_that_differ_by_rounding_alone_become_zero_and_others_do_not() -> None:
    row = np.linspace(0.1, 1.7, 48, dtype=np.float32)
    rows = np.where(np.random.default_rng(4).random((30, 48)) < 0.5, row, np.nextafter(row, 9))
    check(rows, centred=True)
    rows[7] *= np.float32(1.001)
    check(rows, centred=True)


def test_a_zero_row_stays_zero_and_no_rows_stay_no_rows() -> None:
    check(np.zeros((3, 4), np.float32), centred=False)
    empty = unit_rows(laid_out(np.empty((0, 4), np.float32), "packed"), centred=True)
    assert empty.shape == (0, 4)
