"""Which messages of a recording lie between the first and the last frame chosen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scopeside.errors import ConfigError
from scopeside.messages import Array
from scopeside.recording.layout import Kind
from scopeside.recording.reader import Recording
from scopeside.replaying.selection import Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Messages `first` to `end - 1`, which hold `frames` frames, the first at `began_ns`.

    `start` is the message that began the series of the first frame, where it lies before `first`.
    A loop takes `loop_s`: one mean period passes between its last frame and the next one's first.
    """

    first: int
    end: int
    start: int | None
    frames: int
    began_ns: int
    period_s: float | None
    loop_s: float
    item_bytes: int


def span_of(recording: Recording, selection: Selection) -> Span:
    """Find the messages of the frames chosen; everything before the first frame and after the
    last goes along where those are the recording's own first and last.

    Raises ConfigError where there is nothing to choose from.
    """
    blocks = [(rows["kind"], rows["monotonic_ns"]) for _, rows in recording.index()]
    if not blocks:
        raise ConfigError(f"{recording.path} holds no message: there is nothing to send.")
    kinds = np.concatenate([kind for kind, _ in blocks])
    times_ns = np.concatenate([times for _, times in blocks])
    frames = np.flatnonzero(kinds == Kind.FRAME)
    first, end, start, chosen = 0, len(kinds), None, frames
    if len(frames):
        within = selection.within(len(frames))
        chosen = frames[within.start : within.stop]
        if within.start > 0:
            first = int(chosen[0])
            start = _start_of(recording, kinds, first)
        if within.stop < len(frames):
            end = int(chosen[-1]) + 1
    period_s = None
    if len(chosen) > 1:
        period_s = float(times_ns[chosen[-1]] - times_ns[chosen[0]]) / 1e9 / (len(chosen) - 1)
    began_ns = int(times_ns[chosen[0] if len(chosen) else first])
    return Span(
        first=first,
        end=end,
        start=start,
        frames=len(chosen),
        began_ns=began_ns,
        period_s=period_s,
        loop_s=float(times_ns[end - 1] - began_ns) / 1e9 + (period_s or 0.0),
        item_bytes=sum(file.payload_bytes for file in recording.files) // len(kinds),
    )


def _start_of(recording: Recording, kinds: Array, first: int) -> int | None:
    """Return the message before `first` that began the series of message `first`."""
    (frame,) = recording.messages(first, first + 1)
    for index in np.flatnonzero(kinds[:first] == Kind.START)[::-1]:
        (start,) = recording.messages(int(index), int(index) + 1)
        if start.series == frame.series:
            return int(index)
    return None
