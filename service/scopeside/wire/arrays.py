"""Arrays as bytes and back, with every size known before anything is allocated.

Two uses: the array maps of results (`encode_array`, `decode_array`) and the raw payloads of
frames (`encode_payload`, `decode_payload`). Codecs: `none`; `zstd`, one Zstandard frame;
`lz4`, one LZ4 *frame* (magic number 0x184D2204, as `lz4` on the command line and
`lz4.frame` write it; not a bare LZ4 block).

Compressed data is never trusted to say how large it is: output is bounded by the size that
shape and dtype give, and one byte more or less is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, Literal, get_args

import numpy as np

from scopeside.errors import DropError, DropReason, MissingExtraError
from scopeside.messages import Array
from scopeside.settings import LimitSettings

Buffer = bytes | memoryview
Codec = Literal["none", "zstd", "lz4"]
Dtype = Literal[
    "|u1", "<u2", "<u4", "<i2", "<i4", "<f2", "<f4", "<f8",
    ">u2", ">u4", ">i2", ">i4", ">f2", ">f4", ">f8",
]  # fmt: skip

CODECS: frozenset[str] = frozenset(get_args(Codec))
"""Codecs of the wire contract."""

DTYPES: Mapping[str, np.dtype[Any]] = {name: np.dtype(name) for name in get_args(Dtype)}
"""Element types of the wire contract, by the names that NumPy writes."""

ZSTD_WINDOW_BYTES = 8 * 2**20
"""Window that a zstd frame may ask for beyond its own size: what RFC 8878 (3.1.1.1.2) tells every
decoder to support. A frame can claim one of gigabytes in ten bytes."""

ZSTD_LEVEL = 1
"""Fastest of Zstandard's normal levels: a result must not wait for its compressor."""


def encode_array(array: Array, codec: Literal["none", "zstd"] = "none") -> dict[str, Any]:
    """Return the contract's array map; with codec `none` its `data` may share the array's memory.

    Raises DropError (`bad_dtype`) for an element type that the contract does not list, and
    MissingExtraError where the codec's package is absent.
    """
    return {
        "shape": list(array.shape),
        "dtype": wire_dtype(array),
        "codec": codec,
        "data": encode_payload(array, codec),
    }


def decode_array(value: Mapping[str, Any], limits: LimitSettings | None = None) -> Array:
    """Return the read-only array that a contract array map holds, checked against `limits`.

    Raises DropError: `bad_payload` for a map that is none, else as `checked_bytes` and
    `decode_payload`.
    """
    try:
        shape, dtype = value["shape"], value["dtype"]
        codec, data = value["codec"], value["data"]
    except (KeyError, TypeError) as error:
        raise DropError(
            DropReason.BAD_PAYLOAD, "An array is a map of shape, dtype, codec and data."
        ) from error
    if not isinstance(shape, (list, tuple)) or not all(type(n) is int and n >= 0 for n in shape):
        raise DropError(DropReason.BAD_SHAPE, "The shape of an array is a list of integers >= 0.")
    if not isinstance(data, (bytes, memoryview)):
        raise DropError(DropReason.BAD_PAYLOAD, "The data of an array is a msgpack bin.")
    size_bytes = checked_bytes(
        shape=tuple(shape), dtype=dtype, codec=codec, limits=limits or LimitSettings()
    )
    return decode_payload(data, shape=tuple(shape), dtype=dtype, codec=codec, size_bytes=size_bytes)


def wire_dtype(array: Array) -> str:
    """Return the array's element type as the contract writes it; DropError (`bad_dtype`) else."""
    if array.dtype.str not in DTYPES:
        raise DropError(
            DropReason.BAD_DTYPE,
            f"Element type {short(array.dtype.str)} cannot be sent; convert to one of"
            f" {' '.join(sorted(DTYPES))}.",
        )
    return array.dtype.str


def encode_payload(values: Array, codec: Codec = "none") -> Buffer:
    """Return the values as bytes in C order; a view of them where nothing need be copied."""
    raw: Buffer = np.ascontiguousarray(values).reshape(-1).view(np.uint8).data
    if codec == "none":
        return raw
    if codec == "zstd":
        try:
            import zstandard
        except ImportError as error:
            raise _missing("zstd", "zstandard") from error
        return zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(raw)
    try:
        import lz4.frame
    except ImportError as error:
        raise _missing("lz4", "lz4") from error
    compressed: bytes = lz4.frame.compress(bytes(raw), store_size=True)
    return compressed


def decode_payload(
    payload: Buffer, *, shape: tuple[int, ...], dtype: str, codec: str, size_bytes: int
) -> Array:
    """Return the read-only array in `payload`: a view of it for codec `none`.

    `size_bytes` is what `checked_bytes` gave for it. Raises DropError (`bad_payload`) where the
    bytes are more, fewer or other than that.
    """
    raw = payload if codec == "none" else _decompress(payload, codec, size_bytes)
    if len(raw) != size_bytes:
        raise DropError(
            DropReason.BAD_PAYLOAD,
            f"A payload holds {len(raw)} bytes, but shape {short(list(shape))} of {dtype} takes"
            f" {size_bytes}.",
        )
    values = np.frombuffer(raw, DTYPES[dtype]).reshape(shape)
    values.flags.writeable = False
    return values


def checked_bytes(*, shape: tuple[int, ...], dtype: str, codec: str, limits: LimitSettings) -> int:
    """Return the bytes that an array of `shape` and `dtype` takes.

    Raises DropError: `bad_dtype` and `bad_codec` for those the contract does not list,
    `too_large` where the bytes are more than `limits.message_bytes`.
    """
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise DropError(
            DropReason.BAD_DTYPE, f"Element type {short(dtype)} is not in the contract."
        )
    if not isinstance(codec, str) or codec not in CODECS:
        raise DropError(DropReason.BAD_CODEC, f"Codec {short(codec)} is not in the contract.")
    size_bytes = prod(shape) * DTYPES[dtype].itemsize
    if size_bytes > limits.message_bytes:
        raise DropError(
            DropReason.TOO_LARGE,
            f"Shape {short(list(shape))} of {dtype} is more than limits.message_bytes"
            f" ({limits.message_bytes}).",
        )
    return size_bytes


def short(value: object) -> str:
    """Return `repr(value)`, cut to what fits into a sentence."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _decompress(payload: Buffer, codec: str, size_bytes: int) -> bytes:
    return _unzstd(payload, size_bytes) if codec == "zstd" else _unlz4(payload, size_bytes)


def _unzstd(payload: Buffer, size_bytes: int) -> bytes:
    try:
        import zstandard
    except ImportError as error:
        raise _undecodable("zstd", "zstandard") from error
    try:
        # A frame that states its size is decoded into a buffer of *that* size, whatever bound
        # is given: so the statement is checked first.
        stated = zstandard.get_frame_parameters(payload).content_size
        if stated not in (size_bytes, zstandard.CONTENTSIZE_UNKNOWN):
            raise DropError(
                DropReason.BAD_PAYLOAD,
                f"A zstd payload says that it unpacks to {stated} bytes, but its shape and dtype"
                f" take {size_bytes}.",
            )
        if size_bytes == 0:
            return b""
        window_bytes = min(2**30, max(ZSTD_WINDOW_BYTES, size_bytes))
        return zstandard.ZstdDecompressor(max_window_size=window_bytes).decompress(
            payload, max_output_size=size_bytes, allow_extra_data=False
        )
    except zstandard.ZstdError as error:
        raise DropError(
            DropReason.BAD_PAYLOAD,
            f"A zstd payload does not unpack to {size_bytes} bytes: {short(str(error))}.",
        ) from error


def _unlz4(payload: Buffer, size_bytes: int) -> bytes:
    try:
        import lz4.frame
    except ImportError as error:
        raise _undecodable("lz4", "lz4") from error
    unpacker = lz4.frame.LZ4FrameDecompressor()
    try:
        raw: bytes = unpacker.decompress(payload, max_length=size_bytes)
        # The end mark stays unread when the bound is reached exactly; anything that comes
        # with it is output beyond the bound.
        beyond = b"" if unpacker.eof else unpacker.decompress(b"", max_length=1)
    except (RuntimeError, EOFError, ValueError) as error:
        raise DropError(
            DropReason.BAD_PAYLOAD,
            f"A lz4 payload does not unpack to {size_bytes} bytes: {short(str(error))}.",
        ) from error
    if beyond or not unpacker.eof or unpacker.unused_data:
        raise DropError(
            DropReason.BAD_PAYLOAD, f"A lz4 payload is not one frame of {size_bytes} bytes."
        )
    return raw


def _undecodable(codec: str, package: str) -> DropError:
    return DropError(
        DropReason.BAD_CODEC,
        f"Codec {codec} needs the package {package}: pip install 'scopeside[cpu]'.",
    )


def _missing(codec: str, package: str) -> MissingExtraError:
    return MissingExtraError(
        f"Codec {codec} needs the package {package}: pip install {package}, or use codec none."
    )
