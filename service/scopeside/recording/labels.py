"""What of a message goes into the index: its kind, its series and its frame number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scopeside.errors import DropError
from scopeside.recording.layout import NONE, Kind
from scopeside.wire.arrays import Buffer
from scopeside.wire.native import TOPIC_END, TOPIC_FRAME, TOPIC_START
from scopeside.wire.parsing import readable_number, readable_series, unpack_header

_KINDS: Mapping[bytes, Kind] = {
    TOPIC_START: Kind.START,
    TOPIC_FRAME: Kind.FRAME,
    TOPIC_END: Kind.END,
}

# A header that is no header may be as large as a payload: it is recorded, but not parsed.
_HEADER_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Label:
    """`series` is None and `frame` -1 where the message names none, or cannot be read."""

    kind: Kind
    series: str | None = None
    frame: int = NONE


def label_of(parts: Sequence[Buffer]) -> Label:
    """Return what a message says of itself; a broken one is recorded all the same."""
    kind = _KINDS.get(bytes(parts[0][:64]), Kind.OTHER) if parts else Kind.OTHER
    if kind is Kind.OTHER or len(parts) < 2 or len(parts[1]) > _HEADER_BYTES:
        return Label(kind)
    try:
        fields = unpack_header(parts[1])
    except DropError:
        return Label(kind)
    number = readable_number(fields) if kind is Kind.FRAME else None
    return Label(kind, readable_series(fields), NONE if number is None else number)
