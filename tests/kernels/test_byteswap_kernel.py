"""Pixels of the other byte order become this machine's, bit for bit."""

from __future__ import annotations

from itertools import cycle

import numpy as np
import pytest
import torch

from kernel_canvas import LAYOUTS, Layout, canvas, laid_out
from scopeside_kernels.byteswap import byteswap

DTYPES = ["u1", "u2", "u4", "i2", "i4", "f2", "f4", "f8"]


@pytest.mark.parametrize(("dtype", "layout"), list(zip(DTYPES, cycle(LAYOUTS), strict=False)))
def test_bytes_are_reversed_and_nothing_else(dtype: str, layout: Layout) -> None:
    size = np.dtype(dtype).itemsize
    words = np.random.default_rng(1).integers(0, 256, (13, 9 * size), np.uint8)
    frame = words.view(dtype)
    source = laid_out(frame, layout)
    target = canvas(frame.shape, source.dtype, layout, canary=7)
    byteswap(source, native_YX=target.view)
    np.testing.assert_array_equal(target.read().view(f"u{size}"), frame.view(f"u{size}").byteswap())


def test_a_frame_is_swapped_in_place_or_into_a_new_one() -> None:
    frame = laid_out(np.arange(20, dtype=np.int16).reshape(4, 5), "packed")
    swapped = byteswap(frame)
    assert (
        swapped.cpu().numpy().tolist()
        == np.arange(20, dtype=">i2").view("<i2").reshape(4, 5).tolist()
    )
    assert torch.equal(byteswap(swapped, native_YX=swapped), frame)
