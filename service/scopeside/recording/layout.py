"""The container: an HDF5 file of three tables and one long run of bytes (docs/recording.md).

    /payload    uint8            the parts of every message, one after another
    /parts      PART_DTYPE       where each part lies, and how it is stored
    /messages   MESSAGE_DTYPE    when each message came, and which parts are its own
    /series     SERIES_DTYPE     the series that messages name, in order of appearance

What is added to `/payload` and `/parts` is written before the row of `/messages` that points to
it, so a file that breaks off is whole up to its last good row.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from scopeside.wire.arrays import Buffer

FORMAT = "scopeside-recording"
VERSION = 1

PAYLOAD, PARTS, MESSAGES, SERIES = "payload", "parts", "messages", "series"

PART_DTYPE = np.dtype([("offset", "<u8"), ("stored", "<u8"), ("size", "<u8"), ("codec", "|u1")])

MESSAGE_DTYPE = np.dtype(
    [
        ("monotonic_ns", "<i8"),
        ("wall_ns", "<i8"),
        ("first_part", "<u8"),
        ("parts", "<u4"),
        ("crc32", "<u4"),
        ("frame", "<i8"),
        ("series", "<i4"),
        ("dropped_before", "<u4"),
        ("kind", "|u1"),
    ]
)

SERIES_NAME_BYTES = 512
"""The wire contract allows 128 characters, of at most four bytes each in UTF-8."""

SERIES_DTYPE = np.dtype([("name", f"S{SERIES_NAME_BYTES}")])

NONE = -1
"""In `series` and `frame`: the message names none."""

PAYLOAD_CHUNK_BYTES = 2**20
ROWS_PER_CHUNK = 2048


class PartCodec(IntEnum):
    """How the bytes of a part are stored."""

    NONE = 0
    ZSTD = 1


class Kind(IntEnum):
    """What a message is, from its topic alone."""

    OTHER = 0
    START = 1
    FRAME = 2
    END = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedMessage:
    """One message as it came from the socket.

    `monotonic_ns` is the recording machine's CLOCK_MONOTONIC, whose differences alone mean
    something; `wall_ns` is UTC. `dropped_before` counts messages that came between the one before
    and this one and could not be recorded.
    """

    parts: Sequence[Buffer]
    monotonic_ns: int
    wall_ns: int
    dropped_before: int = 0

    @property
    def size_bytes(self) -> int:
        return sum(map(len, self.parts))


def checksum(parts: Sequence[Buffer], monotonic_ns: int, wall_ns: int) -> int:
    """CRC-32 (as in zlib) of both times and, of every part, its length and its bytes.

    Numbers enter as little-endian signed 64-bit integers, so that a row of zeros, as a file that
    breaks off may end with, is no message.
    """
    crc = zlib.crc32(np.array([monotonic_ns, wall_ns], "<i8").tobytes())
    for part in parts:
        crc = zlib.crc32(np.array([len(part)], "<i8").tobytes(), crc)
        crc = zlib.crc32(part, crc)
    return crc
