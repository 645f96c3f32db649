"""What the tap and the recording process say to each other, without sockets.

To the recorder: `[stamp, part, part, ...]` for a message, `[stamp]` alone for the end. Back: one
msgpack map of how far it is.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import msgpack

from scopeside.recording.layout import RecordedMessage
from scopeside.wire.arrays import Buffer

_STAMP = struct.Struct("<qqQ")
"""monotonic_ns, wall_ns, and how many messages before this one were dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the recording is: `messages` and `bytes` are written, `committed` of the messages
    safe from the end of the process, `files` begun.

    `error` is why it ended early, as one sentence; `closed` that it ended well.
    """

    messages: int = 0
    bytes: int = 0
    committed: int = 0
    files: int = 0
    closed: bool = False
    error: str | None = None


def encode_stamp(monotonic_ns: int, wall_ns: int, dropped: int) -> bytes:
    """Return the first part of a packet."""
    return _STAMP.pack(monotonic_ns, wall_ns, dropped)


def decode_packet(packet: Sequence[Buffer]) -> RecordedMessage | int:
    """Return the message in a packet, or (the end) how many were dropped after the last."""
    monotonic_ns, wall_ns, dropped = _STAMP.unpack(packet[0])
    if len(packet) == 1:
        return int(dropped)
    return RecordedMessage(
        parts=packet[1:], monotonic_ns=monotonic_ns, wall_ns=wall_ns, dropped_before=dropped
    )


def encode_progress(progress: Progress) -> bytes:
    packed: bytes = msgpack.packb(asdict(progress))
    return packed


def decode_progress(message: bytes) -> Progress:
    return Progress(**msgpack.unpackb(message))
