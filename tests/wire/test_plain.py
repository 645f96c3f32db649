"""NumPy inside headers: what comes out, msgpack and the service take."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from scopeside.errors import DropError, DropReason
from scopeside.wire.plain import MAX_VALUES, plain

numbers = (
    arrays.scalar_dtypes().flatmap(arrays.from_dtype).filter(lambda x: x.dtype.kind in "biufU")
)
values = st.recursive(
    numbers | st.none() | st.text() | arrays.arrays(np.float32, (2,), elements=st.just(0.5)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(values)
def test_what_comes_out_survives_msgpack(value: Any) -> None:
    out = plain(value)
    back = msgpack.unpackb(
        msgpack.packb(out, strict_types=True, unicode_errors="surrogatepass"),
        unicode_errors="surrogatepass",
    )
    assert repr(back) == repr(out)


def test_numbers_keep_their_value_and_kind() -> None:
    given = {
        "f": np.float32(0.25),
        "i": np.uint64(2**64 - 1),
        "b": np.bool_(True),
        "s": np.str_("x"),
    }
    assert plain(given) == {"f": 0.25, "i": 2**64 - 1, "b": True, "s": "x"}
    assert [type(value) for value in plain(given).values()] == [float, int, bool, str]


def test_arrays_become_lists_however_deep_they_are() -> None:
    inside = np.array([np.float64(1.5), {"a": np.arange(2)}, None], dtype=object)
    assert plain([inside, (np.eye(2), np.array(7))]) == [
        [1.5, {"a": [0, 1]}, None],
        [[[1.0, 0.0], [0.0, 1.0]], 7],
    ]
    assert plain(MappingProxyType({"a": np.int8(1)})) == {"a": 1}


@pytest.mark.parametrize(
    ("value", "reason", "words"),
    [
        ({"a": {1: 2}}, DropReason.BAD_HEADER, "1 is none"),
        ({b"a": 2}, DropReason.BAD_HEADER, "string"),
        ([msgpack.ExtType(1, b"x")], DropReason.BAD_HEADER, "extension"),
        (msgpack.Timestamp(1), DropReason.BAD_HEADER, "extension"),
        (np.zeros((2, MAX_VALUES)), DropReason.TOO_LARGE, "channel"),
    ],
)
def test_what_the_service_would_drop_is_refused(value: Any, reason: DropReason, words: str) -> None:
    with pytest.raises(DropError, match=words) as refusal:
        plain(value)
    assert refusal.value.reason is reason


def test_what_is_unknown_is_left_to_the_packer() -> None:
    unknown = {1, 2}
    assert plain(unknown) is unknown
