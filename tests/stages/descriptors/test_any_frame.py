"""Whatever a frame shows, its descriptors are numbers that a message can hold, or nil."""

from __future__ import annotations

import json
import math

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from described import stage, told
from scopeside.messages import Array
from scopeside.stages.descriptors import NAMES

SHAPES = st.tuples(st.integers(1, 150), st.integers(1, 150))
DTYPES = st.sampled_from(["|u1", ">u2", "<i4", "<f2", "<f4", ">f8"])
LIMITS = {"crystallinity": (0.0, 1.0), "entropy_bits": (0.0, 8.0), "contrast": (0.0, math.inf)}


@st.composite
def frames(draw: st.DrawFn) -> tuple[Array, Array]:
    """Pixels that repeat a few extreme or ordinary values, and blocks of communities."""
    shape, dtype = draw(SHAPES), np.dtype(draw(DTYPES))
    values = draw(arrays(dtype, 7, elements=_elements(dtype)))
    generator = np.random.default_rng(draw(st.integers(0, 99)))
    image_YX = values[generator.integers(0, len(values), shape)]
    if draw(st.booleans()) and dtype.kind == "f":
        image_YX.flat[0] = draw(st.sampled_from([math.nan, math.inf, -math.inf]))
    blocks_YX = generator.integers(0, draw(st.integers(1, 5)), (5, 5)).astype(np.uint16) + 1
    labels_YX = np.kron(blocks_YX, np.ones((30, 30), np.uint16))[: shape[0], : shape[1]]
    return image_YX, labels_YX


def _elements(dtype: np.dtype[np.generic]) -> st.SearchStrategy[float]:
    if dtype.kind == "f":
        width = 8 * dtype.itemsize
        return st.floats(allow_nan=False, allow_infinity=False, width=width)  # type: ignore[arg-type]
    return st.integers(np.iinfo(dtype).min, np.iinfo(dtype).max)


LARGEST = np.array([[-(2.0**1023)] * 20 + [0.0] * 76], ">f8")
"""Doubles whose span, taken twice, is beyond the largest one."""


@example((LARGEST, np.ones(LARGEST.shape, np.uint16)))
@settings(deadline=None, max_examples=60)
@given(frames())
def test_descriptors_of_any_frame_are_numbers_within_their_limits_or_nil(
    frame: tuple[Array, Array],
) -> None:
    by = stage(chips_per_community=3)
    for _ in range(2):
        found = told(*frame, by=by)
        for descriptors in found.descriptors.values():
            assert tuple(descriptors) == NAMES
            for name, (low, high) in LIMITS.items():
                value = descriptors[name]
                assert value is None or low <= value <= high
        json.dumps(found.descriptors, allow_nan=False)
        for front in found.fronts:
            assert math.isfinite(front.position_px)
            assert abs(math.hypot(*front.normal) - 1.0) < 1e-9
            assert 0.0 <= front.roughness_px < 150.0
