"""Messages that a stranger, a scanner or a broken sender may send: malformed, or merely insane.

`CASES` is used without sockets by the tests of the native dialect, and over real sockets against
a live service. `reason` is what the message must be counted as; None means that it is well
formed, however strange, and must be taken for what it says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import lz4.frame
import msgpack
import numpy as np
import zstandard

from scopeside.errors import DropReason

SERIES = "hostile"
SHAPE = (16, 24)
PIXELS_YX = np.arange(SHAPE[0] * SHAPE[1], dtype="<u2").reshape(SHAPE)
RAW = PIXELS_YX.tobytes()
BOMB = bytes(8 * 2**20)

START, FRAME, END = b"scopeside.start", b"scopeside.frame", b"scopeside.end"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostileCase:
    """One message; `reason` is None where it must be accepted."""

    name: str
    parts: tuple[bytes, ...]
    reason: DropReason | None


def channel(**changes: Any) -> dict[str, Any]:
    """A good channel description with `changes`; a key changed to `...` is left out."""
    good = {"name": "haadf", "shape": list(SHAPE), "dtype": "<u2", "codec": "none"}
    return _changed(good, changes)


def frame_header(**changes: Any) -> dict[str, Any]:
    """A good frame header with `changes`; a key changed to `...` is left out."""
    good = {"v": 1, "series": SERIES, "t_ns": 1, "frame": 0, "channels": [channel()]}
    return _changed(good, changes)


def frame(*payloads: bytes, **changes: Any) -> tuple[bytes, ...]:
    """A frame message with `changes` in its header; the good payload when none is given."""
    return (FRAME, msgpack.packb(frame_header(**changes)), *(payloads or (RAW,)))


def nested(depth: int) -> Any:
    """A list in a list in a list."""
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


def _changed(good: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in (good | changes).items() if value is not ...}


def _raw_header(*, before: bytes = b"", entries: int = 0) -> bytes:
    """The good frame header with raw msgpack entries put in front."""
    good = frame_header()
    packed = b"".join(msgpack.packb(key) + msgpack.packb(value) for key, value in good.items())
    return bytes([0x80 | (len(good) + entries)]) + before + packed


def _forged_zstd(descriptor: bytes) -> bytes:
    """A zstd frame (RFC 8878, 3.1.1) with one raw block as long as the good payload."""
    block = (len(RAW) << 3 | 1).to_bytes(3, "little") + RAW
    return b"\x28\xb5\x2f\xfd" + descriptor + block


def _squeezed(data: bytes, *, stated: bool) -> bytes:
    return zstandard.ZstdCompressor(level=1, write_content_size=stated).compress(data)


def _with_codec(name: str, **changes: Any) -> list[dict[str, Any]]:
    return [channel(codec=name, **changes)]


R = DropReason

_ROWS: list[tuple[str, tuple[bytes, ...], DropReason | None]] = [
    # Envelopes
    ("one empty part", (b"",), R.BAD_TOPIC),
    ("three empty parts", (b"", b"", b""), R.BAD_TOPIC),
    ("an HTTP request", (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",), R.BAD_TOPIC),
    ("a topic that is nearly right", (b"scopeside.frames", *frame()[1:]), R.BAD_TOPIC),
    ("a topic with a nul behind it", (b"scopeside.frame\x00", *frame()[1:]), R.BAD_TOPIC),
    ("a topic in capitals", (b"SCOPESIDE.FRAME", *frame()[1:]), R.BAD_TOPIC),
    ("a topic of a megabyte", (b"scopeside.frame" * 70_000, b"\x80"), R.BAD_TOPIC),
    ("a topic alone", (FRAME,), R.BAD_HEADER),
    ("ten thousand parts", (*frame(), *[b"x"] * 10_000), R.TOO_LARGE),
    ("ten thousand empty parts", (b"",) * 10_000, R.TOO_LARGE),
    # Headers that are no msgpack map
    ("an empty header", (FRAME, b"", RAW), R.BAD_HEADER),
    ("a header of zeros", (FRAME, bytes(64), RAW), R.BAD_HEADER),
    ("a header of the byte msgpack never uses", (FRAME, b"\xc1" * 8, RAW), R.BAD_HEADER),
    ("a JSON header", (FRAME, b'{"v": 1, "series": "s"}', RAW), R.BAD_HEADER),
    ("a pickle as header", (FRAME, b"\x80\x04\x95\x0b\x00\x00\x00.", RAW), R.BAD_HEADER),
    ("a header cut short", (FRAME, frame()[1][:-7], RAW), R.BAD_HEADER),
    ("a header with something behind it", (FRAME, frame()[1] + b"\x00", RAW), R.BAD_HEADER),
    ("a header that is a list", (FRAME, msgpack.packb([1, SERIES]), RAW), R.BAD_HEADER),
    ("a header that is nil", (FRAME, b"\xc0", RAW), R.BAD_HEADER),
    ("a claimed array of four thousand million", (FRAME, b"\xdd\xff\xff\xff\xff"), R.BAD_HEADER),
    ("a claimed map of four thousand million", (FRAME, b"\xdf\xff\xff\xff\xff"), R.BAD_HEADER),
    ("a claimed string of four gigabytes", (FRAME, b"\xdb\xff\xff\xff\xffx"), R.BAD_HEADER),
    ("lists nested two thousand deep", (FRAME, b"\x91" * 2000 + b"\x00", RAW), R.BAD_HEADER),
    ("a header above the limit", frame(filler="x" * (128 * 2**10)), R.TOO_LARGE),
    (
        "integer keys",
        (FRAME, _raw_header(before=b"\x01\x01", entries=1), RAW),
        R.BAD_HEADER,
    ),
    (
        "binary keys",
        (FRAME, _raw_header(before=b"\xc4\x01a\x01", entries=1), RAW),
        R.BAD_HEADER,
    ),
    (
        "the series twice",
        (FRAME, _raw_header(before=b"\xa6series\xa5other", entries=1), RAW),
        R.BAD_HEADER,
    ),
    (
        "a string that is no UTF-8",
        (FRAME, _raw_header(before=b"\xa1x\xa2\xff\xfe", entries=1), RAW),
        R.BAD_HEADER,
    ),
    (
        "a lone surrogate",
        (FRAME, _raw_header(before=b"\xa1x\xa3\xed\xa0\x80", entries=1), RAW),
        R.BAD_HEADER,
    ),
    ("an extension type", frame(user=msgpack.ExtType(5, b"x")), R.BAD_HEADER),
    ("an empty extension type", frame(user=msgpack.ExtType(5, b"")), R.BAD_HEADER),
    ("a msgpack time stamp", frame(t_ns=msgpack.Timestamp(1, 0)), R.BAD_HEADER),
    # Versions
    ("version 2", frame(v=2), R.BAD_VERSION),
    ("version 2 with everything else changed", (FRAME, msgpack.packb({"v": 2})), R.BAD_VERSION),
    ("version true", frame(v=True), R.BAD_VERSION),
    ("version 1.0", frame(v=1.0), R.BAD_VERSION),
    ("no version", frame(v=...), R.BAD_HEADER),
    # Fields
    ("no series", frame(series=...), R.BAD_HEADER),
    ("an empty series", frame(series=""), R.BAD_HEADER),
    ("a series of 129 characters", frame(series="s" * 129), R.BAD_HEADER),
    ("a series that is a number", frame(series=7), R.BAD_HEADER),
    ("a series that is bytes", frame(series=b"hostile"), R.BAD_HEADER),
    ("a time that is a float", frame(t_ns=1.5), R.BAD_HEADER),
    ("a time beyond 64 bits signed", frame(t_ns=2**63), R.BAD_HEADER),
    ("no frame number", frame(frame=...), R.BAD_HEADER),
    ("frame -1", frame(frame=-1), R.BAD_HEADER),
    ("frame 2**63", frame(frame=2**63), R.BAD_HEADER),
    ("frame true", frame(frame=True), R.BAD_HEADER),
    ("frame 1.0", frame(frame=1.0), R.BAD_HEADER),
    ("frame NaN", frame(frame=float("nan")), R.BAD_HEADER),
    ("a pixel size of NaN", frame(pixel_size_m=[float("nan"), 1e-10]), R.BAD_HEADER),
    ("a pixel size of infinity", frame(pixel_size_m=[float("inf"), 1e-10]), R.BAD_HEADER),
    ("a pixel size below zero", frame(pixel_size_m=[-1e-10, 1e-10]), R.BAD_HEADER),
    ("a pixel size of three", frame(pixel_size_m=[1.0, 1.0, 1.0]), R.BAD_HEADER),
    ("a pixel size of strings", frame(pixel_size_m=["1", "1"]), R.BAD_HEADER),
    ("a stage that is a list", frame(stage=[1, 2, 3]), R.BAD_HEADER),
    ("a stage at a boolean", frame(stage={"x_m": True}), R.BAD_HEADER),
    ("a stage at infinity", frame(stage={"x_m": float("-inf")}), R.BAD_HEADER),
    ("a matrix that is too small", frame(pixel_to_stage=[[1, 0], [0, 1]]), R.BAD_HEADER),
    ("a matrix of nils", frame(pixel_to_stage=[[None] * 3] * 2), R.BAD_HEADER),
    ("a dose below zero", frame(dose_e_per_m2=-1.0), R.BAD_HEADER),
    ("a dose of NaN", frame(dose_e_per_m2=float("nan")), R.BAD_HEADER),
    ("a clock without an offset", frame(clock={"uncertainty_ns": 3}), R.BAD_HEADER),
    ("a clock off by NaN", frame(clock={"offset_ns": float("nan")}), R.BAD_HEADER),
    ("a user value too large", frame(user=b"x" * (64 * 2**10)), R.TOO_LARGE),
    ("a user value nested 600 deep", frame(user=nested(600)), R.BAD_HEADER),
    # Channels
    ("no channels", frame(channels=...), R.BAD_HEADER),
    ("an empty list of channels", frame(channels=[]), R.BAD_HEADER),
    ("channels that are a map", frame(channels=channel()), R.BAD_HEADER),
    ("a channel that is a number", frame(channels=[7]), R.BAD_HEADER),
    ("a channel without a name", frame(channels=[channel(name=...)]), R.BAD_HEADER),
    ("seventeen channels", frame(*[RAW] * 16, channels=[channel()] * 17), R.TOO_LARGE),
    ("five thousand channels", frame(channels=[{"name": ""}] * 5000), R.TOO_LARGE),
    ("a shape of one axis", frame(channels=[channel(shape=[384])]), R.BAD_SHAPE),
    ("a shape of four axes", frame(channels=[channel(shape=[1, 1, 16, 24])]), R.BAD_SHAPE),
    ("a spectrum image as the image", frame(channels=[channel(shape=[4, 4, 24])]), R.BAD_SHAPE),
    ("an axis of zero", frame(b"", channels=[channel(shape=[0, 24])]), R.BAD_SHAPE),
    ("an axis below zero", frame(channels=[channel(shape=[-16, -24])]), R.BAD_SHAPE),
    ("an axis that is true", frame(RAW[:48], channels=[channel(shape=[True, 24])]), R.BAD_SHAPE),
    ("an axis that is a float", frame(channels=[channel(shape=[16.0, 24])]), R.BAD_SHAPE),
    ("a shape that is a string", frame(channels=[channel(shape="16x24")]), R.BAD_SHAPE),
    ("a huge frame in a tiny payload", frame(channels=[channel(shape=[2**20] * 2)]), R.TOO_LARGE),
    ("a shape whose product wraps", frame(channels=[channel(shape=[2**32] * 2)]), R.TOO_LARGE),
    ("an axis of 2**63", frame(channels=[channel(shape=[2**63, 1])]), R.BAD_SHAPE),
    ("objects as elements", frame(channels=[channel(dtype="|O")]), R.BAD_DTYPE),
    ("strings as elements", frame(channels=[channel(dtype="<U4")]), R.BAD_DTYPE),
    ("complex elements", frame(channels=[channel(dtype="<c8")]), R.BAD_DTYPE),
    ("64-bit integers", frame(channels=[channel(dtype="<i8")]), R.BAD_DTYPE),
    ("elements without byte order", frame(channels=[channel(dtype="u2")]), R.BAD_DTYPE),
    ("elements in native byte order", frame(channels=[channel(dtype="=u2")]), R.BAD_DTYPE),
    ("bytes with a byte order", frame(channels=[channel(dtype=">u1")]), R.BAD_DTYPE),
    ("a record as element", frame(channels=[channel(dtype="<u2,<u2")]), R.BAD_DTYPE),
    ("an element type that is a number", frame(channels=[channel(dtype=2)]), R.BAD_DTYPE),
    ("an unknown codec", frame(channels=_with_codec("bs16-lz4<")), R.BAD_CODEC),
    ("a codec that is nil", frame(channels=[channel(codec=None)]), R.BAD_CODEC),
    # Payloads
    ("no payload", frame()[:2], R.BAD_PAYLOAD),
    ("a payload too many", frame(RAW, RAW), R.BAD_PAYLOAD),
    ("a payload for a start", (START, msgpack.packb(frame_header()), RAW), R.BAD_PAYLOAD),
    ("a payload one byte short", frame(RAW[:-1]), R.BAD_PAYLOAD),
    ("a payload one byte long", frame(RAW + b"\x00"), R.BAD_PAYLOAD),
    ("an empty payload", frame(b""), R.BAD_PAYLOAD),
    ("no payload for an absurd number", frame(b"", frame=2**40), R.BAD_PAYLOAD),
    ("no payload for the last number of all", frame(b"", frame=2**63 - 1), R.BAD_PAYLOAD),
    ("a second payload short", frame(RAW, RAW[:-1], channels=[channel()] * 2), R.BAD_PAYLOAD),
    ("zstd that is none", frame(RAW, channels=_with_codec("zstd")), R.BAD_PAYLOAD),
    ("zstd that is empty", frame(b"", channels=_with_codec("zstd")), R.BAD_PAYLOAD),
    (
        "zstd cut short",
        frame(_squeezed(RAW, stated=True)[:-5], channels=_with_codec("zstd")),
        R.BAD_PAYLOAD,
    ),
    (
        "a zstd bomb that states its size",
        frame(_squeezed(BOMB, stated=True), channels=_with_codec("zstd")),
        R.BAD_PAYLOAD,
    ),
    (
        "a zstd bomb that does not",
        frame(_squeezed(BOMB, stated=False), channels=_with_codec("zstd")),
        R.BAD_PAYLOAD,
    ),
    (
        "zstd that states an exabyte",
        frame(_forged_zstd(b"\xe0" + (2**60).to_bytes(8, "little")), channels=_with_codec("zstd")),
        R.BAD_PAYLOAD,
    ),
    (
        "zstd that wants a window of a gigabyte",
        frame(_forged_zstd(b"\x00\xa0"), channels=_with_codec("zstd")),
        R.BAD_PAYLOAD,
    ),
    (
        "two zstd frames",
        frame(_squeezed(RAW, stated=True) * 2, channels=_with_codec("zstd")),
        R.BAD_PAYLOAD,
    ),
    ("lz4 that is none", frame(RAW, channels=_with_codec("lz4")), R.BAD_PAYLOAD),
    ("lz4 that is empty", frame(b"", channels=_with_codec("lz4")), R.BAD_PAYLOAD),
    (
        "lz4 cut short",
        frame(lz4.frame.compress(RAW)[:-2], channels=_with_codec("lz4")),
        R.BAD_PAYLOAD,
    ),
    (
        "an lz4 bomb",
        frame(lz4.frame.compress(BOMB), channels=_with_codec("lz4")),
        R.BAD_PAYLOAD,
    ),
    (
        "lz4 with a tail",
        frame(lz4.frame.compress(RAW) + b"tail", channels=_with_codec("lz4")),
        R.BAD_PAYLOAD,
    ),
    # Starts and ends
    ("a start without a header", (START,), R.BAD_HEADER),
    (
        "a start with a bad calibration",
        (START, msgpack.packb({"v": 1, "series": SERIES, "t_ns": 1, "pixel_size_m": [0, 0]})),
        R.BAD_HEADER,
    ),
    (
        "an end after -1 frames",
        (END, msgpack.packb({"v": 1, "series": SERIES, "t_ns": 1, "frames": -1})),
        R.BAD_HEADER,
    ),
    (
        "an end after 2**63 frames",
        (END, msgpack.packb({"v": 1, "series": SERIES, "t_ns": 1, "frames": 2**63})),
        R.BAD_HEADER,
    ),
    # Strange, but right
    ("a frame of one pixel", frame(b"\x01", channels=[channel(shape=[1, 1], dtype="|u1")]), None),
    (
        "a frame of one row",
        frame(bytes(4096), channels=[channel(shape=[1, 4096], dtype="|u1")]),
        None,
    ),
    (
        "nothing but NaN",
        frame(np.full(SHAPE, np.nan, "<f4").tobytes(), channels=[channel(dtype="<f4")], frame=1),
        None,
    ),
    (
        "infinities and the largest doubles",
        frame(
            np.resize(np.array([np.inf, -np.inf, 1.7e308, -1.7e308], ">f8"), SHAPE).tobytes(),
            channels=[channel(dtype=">f8")],
            frame=2,
        ),
        None,
    ),
    ("a frame of zeros", frame(bytes(len(RAW)), frame=3), None),
    ("keys from the future", frame(frame=4, beam_current_a=1e-9, nested={"a": [1]}), None),
    ("times before the epoch", frame(frame=5, t_ns=-(2**63)), None),
    ("control characters in the names", frame(frame=6, channels=[channel(name="\x1b[2J\n")]), None),
    ("the last frame number of all", frame(frame=2**63 - 1), None),
]

CASES: list[HostileCase] = [
    HostileCase(name=name, parts=parts, reason=reason) for name, parts, reason in _ROWS
]
