"""Pixels of any kind become pixels that the wire carries."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from scopeside.errors import InputFileError
from scopeside.io.pixels import as_frame, frame_dtype
from scopeside.wire.arrays import DTYPES


@given(
    dtype=hnp.integer_dtypes()
    | hnp.unsigned_integer_dtypes()
    | hnp.floating_dtypes(sizes=(16, 32, 64))
)
def test_every_real_dtype_becomes_one_of_the_wire(dtype):
    target = frame_dtype(dtype, where="file")
    assert target.str in DTYPES
    assert np.can_cast(dtype, target, "safe") or dtype.itemsize == 8


def test_truth_values_become_bytes():
    assert frame_dtype(np.dtype(bool), where="file") == np.uint8


@pytest.mark.parametrize(
    "dtype", ["c8", "c16", "U4", "O", "M8[s]", [("a", "f4"), ("b", "f4")], [("re", "c8")] * 1]
)
def test_what_is_no_intensity_is_refused(dtype):
    with pytest.raises(InputFileError, match="micrograph"):
        frame_dtype(np.dtype(dtype), where="micrograph")


def test_rgb_records_become_luma():
    rgb = np.zeros((2, 3), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    rgb["R"], rgb["G"], rgb["B"] = 10, 20, 30
    frame = as_frame(rgb, frame_dtype(rgb.dtype, where="file"))
    assert frame.dtype == np.uint8
    assert np.all(frame == round(0.299 * 10 + 0.587 * 20 + 0.114 * 30))


@given(value=st.integers(0, 2**16 - 1))
def test_grey_in_colour_keeps_its_value(value):
    colour = np.full((2, 2, 3), value, np.uint16)
    assert np.all(as_frame(colour, np.dtype(np.uint16)) == value)


def test_frames_are_contiguous_and_keep_byte_order():
    values = np.arange(12, dtype=">i4").reshape(3, 4).T
    frame = as_frame(values, frame_dtype(values.dtype, where="file"))
    assert frame.flags.c_contiguous
    assert frame.dtype == np.dtype(">i4")
    assert np.array_equal(frame, values)
