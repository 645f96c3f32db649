"""Arrays as bytes: exact both ways, and never larger than they say."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import msgpack
import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from scopeside.errors import DropError, DropReason, MissingExtraError
from scopeside.wire.arrays import DTYPES, decode_array, decode_payload, encode_array, encode_payload

any_array = st.sampled_from(sorted(DTYPES)).flatmap(
    lambda dtype: arrays.arrays(
        np.dtype(dtype), arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=9)
    )
)


def reason_of(**changes: Any) -> DropReason:
    good = encode_array(np.arange(6, dtype="<u2").reshape(2, 3))
    message = {key: value for key, value in (good | changes).items() if value is not ...}
    with pytest.raises(DropError) as caught:
        decode_array(message)
    return caught.value.reason


@given(any_array, st.sampled_from(["none", "zstd"]))
def test_array_survives_the_wire(array: np.ndarray, codec: Any) -> None:
    message = msgpack.unpackb(msgpack.packb(encode_array(array, codec)))
    back = decode_array(message)
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()
    assert not back.flags.writeable


@given(any_array, st.sampled_from(["none", "zstd", "lz4"]), st.integers(1, 40))
def test_output_is_never_more_or_less_than_the_shape_says(
    array: np.ndarray, codec: Any, more: int
) -> None:
    payload = encode_payload(array.reshape(-1), codec)
    for elements in {array.size + more, max(0, array.size - more)} - {array.size}:
        with pytest.raises(DropError) as caught:
            decode_payload(
                payload,
                shape=(elements,),
                dtype=array.dtype.str,
                codec=codec,
                size_bytes=elements * array.itemsize,
            )
        assert caught.value.reason is DropReason.BAD_PAYLOAD


def test_zstd_without_stated_size_is_read() -> None:
    array = np.arange(1000, dtype=">u4")
    squeezed = zstandard.ZstdCompressor(write_content_size=False).compress(array.tobytes())
    back = decode_payload(squeezed, shape=(1000,), dtype=">u4", codec="zstd", size_bytes=4000)
    np.testing.assert_array_equal(back, array)


def test_plain_array_shares_its_memory_with_the_message() -> None:
    array = np.zeros((4, 4), "<u2")
    data = encode_array(array)["data"]
    array[0, 0] = 0x0102
    assert bytes(data[:2]) == b"\x02\x01"


@pytest.mark.parametrize(("codec", "package"), [("zstd", "zstandard"), ("lz4", "lz4.frame")])
def test_codec_without_its_package_says_what_to_install(
    codec: Any, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match="pip install"):
        encode_payload(np.zeros(3, "<u2"), codec)
    with pytest.raises(DropError, match="pip install") as caught:
        decode_payload(b"x", shape=(3,), dtype="<u2", codec=codec, size_bytes=6)
    assert caught.value.reason is DropReason.BAD_CODEC


def test_wire_needs_only_the_base_install() -> None:
    absent = ["zstandard", "lz4", "scipy", "torch", "zmq.auth", "cv2", "openvino"]
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({absent}));"
        "import scopeside.wire.native, scopeside.wire.results, scopeside.wire.events,"
        " scopeside.wire.control"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_what_is_no_array_map_has_its_reason() -> None:
    assert reason_of(shape=...) is DropReason.BAD_PAYLOAD
    assert reason_of(data="text") is DropReason.BAD_PAYLOAD
    assert reason_of(data=b"12345") is DropReason.BAD_PAYLOAD
    assert reason_of(shape=[2, -3]) is DropReason.BAD_SHAPE
    assert reason_of(shape=[True, 6]) is DropReason.BAD_SHAPE
    assert reason_of(shape=6) is DropReason.BAD_SHAPE
    assert reason_of(dtype="|O") is DropReason.BAD_DTYPE
    assert reason_of(dtype=["<u2"]) is DropReason.BAD_DTYPE
    assert reason_of(codec="gzip") is DropReason.BAD_CODEC
    assert reason_of(codec=["none"]) is DropReason.BAD_CODEC
    assert reason_of(shape=[2**40, 2**40]) is DropReason.TOO_LARGE


def test_element_type_outside_the_contract_is_not_sent() -> None:
    for dtype in ("<i8", "<c8", "|b1", "|O", "<U3", "|i1"):
        with pytest.raises(DropError) as caught:
            encode_array(np.zeros(3, dtype))
        assert caught.value.reason is DropReason.BAD_DTYPE
