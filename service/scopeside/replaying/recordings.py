"""A recording as a stream: its messages as they came, made new where they must be.

A series can be sent once, and a frame that says it was exposed last year has a latency of a year.
So every series gets a name of its own, and every `t_ns` is moved to now: it stays as long before
the send as it was before the arrival. Nothing else is touched; `verbatim` touches nothing at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from typing import Any

import msgpack

from scopeside.errors import DropError
from scopeside.recording.layout import Kind
from scopeside.recording.reader import Recording, StoredMessage
from scopeside.replaying.item import Item, Message
from scopeside.replaying.selection import Selection
from scopeside.replaying.span import span_of
from scopeside.wire.parsing import unpack_header

Rename = Callable[[str, int], str]
"""From the name of a recorded series and the number of the loop (from 0) to a new name."""

_SERIES_CHARS = 128


class RecordingSource:
    """The messages of a recording; frames are chosen, and what stands between them goes along."""

    def __init__(
        self,
        recording: Recording,
        *,
        rename: Rename,
        selection: Selection,
        recorded_times: bool = False,
        verbatim: bool = False,
    ) -> None:
        self._recording = recording
        self._rename = rename
        self._selection = selection
        self._recorded_times = recorded_times
        self._verbatim = verbatim
        self.name = str(recording.path)
        self.timed = True
        self.ends_series = not verbatim
        self.damaged = 0
        self._span = span_of(recording, selection)
        self.frames = selection.total(self._span.frames)
        self.period_s = self._span.period_s
        self.item_bytes = self._span.item_bytes

    def items(self) -> Iterator[Item]:
        """Yield the chosen messages, loop after loop."""
        left = self.frames
        loops = range(self._selection.loops) if self._selection.loops else count()
        for loop in loops:
            for stored in self._stored():
                if stored.message is None:
                    self.damaged += 1
                    continue
                if stored.kind is Kind.FRAME and left is not None:
                    if left == 0:
                        return
                    left -= 1
                yield self._item(stored, loop)

    def _stored(self) -> Iterator[StoredMessage]:
        span = self._span
        if span.start is not None:
            yield from self._recording.messages(span.start, span.start + 1)
        yield from self._recording.messages(span.first, span.end)

    def _item(self, stored: StoredMessage, loop: int) -> Item:
        message = stored.message
        if message is None:
            raise ValueError("a damaged message is no item")
        span = self._span
        # What stands before the first frame, its start above all, goes out together with it.
        at_s = max(0, message.monotonic_ns - span.began_ns) / 1e9 + loop * span.loop_s
        parts: Message = list(message.parts)
        series = stored.series
        encode: Callable[[int], Message] = partial(_as_recorded, parts)
        fields = None if self._verbatim else _fields(stored.kind, parts)
        if fields is not None and series is not None:
            series = self._rename(series, loop)[:_SERIES_CHARS]
            fields["series"] = series
            age_ns = int(fields["t_ns"]) - message.wall_ns
            encode = partial(_made_new, parts, fields, None if self._recorded_times else age_ns)
        return Item(encode=encode, at_s=at_s, kind=stored.kind, series=series)


def _fields(kind: Kind, parts: Message) -> dict[str, Any] | None:
    """Return the header of a message of the contract that can be made new, else None."""
    if kind is Kind.OTHER or len(parts) < 2:
        return None
    try:
        fields = unpack_header(parts[1])
    except DropError:
        return None
    if type(fields.get("t_ns")) is not int or not isinstance(fields.get("series"), str):
        return None
    return fields


def _as_recorded(parts: Message, _due_ns: int) -> Message:
    return parts


def _made_new(parts: Message, fields: dict[str, Any], age_ns: int | None, due_ns: int) -> Message:
    """Return the message with its header packed anew; `age_ns` None leaves its time as it was."""
    if age_ns is not None:
        fields["t_ns"] = due_ns + age_ns
    return [parts[0], msgpack.packb(fields), *parts[2:]]
