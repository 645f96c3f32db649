"""What a recording holds, from its index alone: no payload is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scopeside.messages import Array
from scopeside.recording.layout import NONE, Kind
from scopeside.recording.reader import Recording


@dataclass(slots=True, kw_only=True)
class SeriesSummary:
    """One series: its frames, and the numbers between the least and the greatest that lack."""

    name: str
    frames: int = 0
    least: int | None = None
    greatest: int | None = None
    numbers: set[int] = field(default_factory=set, repr=False)

    @property
    def missing(self) -> int:
        if self.least is None or self.greatest is None:
            return 0
        return self.greatest - self.least + 1 - len(self.numbers)

    @property
    def duplicates(self) -> int:
        return self.frames - len(self.numbers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """`longest_gap_s` is the longest time between two messages; `lacks` the number of the file, of
    several, that should follow and is not there."""

    files: int
    messages: int
    frames: int
    payload_bytes: int
    stored_bytes: int
    first_wall_ns: int | None
    seconds: float
    longest_gap_s: float
    dropped: int
    torn: int
    complete: bool
    lacks: int | None
    source: str
    compression: str
    software: str
    series: tuple[SeriesSummary, ...]

    @property
    def rate_hz(self) -> float:
        """Frames a second, from the first message to the last."""
        return (self.frames - 1) / self.seconds if self.seconds > 0 and self.frames > 1 else 0.0


def summarise(recording: Recording) -> Summary:
    """Return what a recording holds; reads its index once."""
    series: dict[str, SeriesSummary] = {}
    frames = size = stored = dropped = 0
    first_wall_ns: int | None = None
    first_ns = last_ns = None
    longest_ns = 0
    for file, rows in recording.index():
        times_ns = rows["monotonic_ns"]
        if first_ns is None or last_ns is None:
            first_ns, first_wall_ns = int(times_ns[0]), int(rows["wall_ns"][0])
            last_ns = first_ns
        gaps_ns = np.diff(times_ns, prepend=last_ns)
        longest_ns = max(longest_ns, int(gaps_ns.max()))
        last_ns = int(times_ns[-1])
        frames += int((rows["kind"] == Kind.FRAME).sum())
        dropped += int(rows["dropped_before"].sum())
        both = file.stored_bytes(rows)
        size, stored = size + both[0], stored + both[1]
        _count_series(series, file, rows)
    facts = recording.files[0].facts
    return Summary(
        files=len(recording.files),
        messages=len(recording),
        frames=frames,
        payload_bytes=size,
        stored_bytes=stored,
        first_wall_ns=first_wall_ns,
        seconds=0.0 if first_ns is None or last_ns is None else (last_ns - first_ns) / 1e9,
        longest_gap_s=longest_ns / 1e9,
        dropped=dropped + recording.dropped_after,
        torn=sum(file.torn for file in recording.files),
        complete=recording.complete,
        lacks=recording.lacks,
        source=facts.source,
        compression=facts.compression,
        software=facts.software,
        series=tuple(series.values()),
    )


def _count_series(series: dict[str, SeriesSummary], file: Any, rows: Array) -> None:
    for number in np.unique(rows["series"]):
        name = file.series_name(int(number))
        if name is None:
            continue
        entry = series.setdefault(name, SeriesSummary(name=name))
        own = rows[(rows["series"] == number) & (rows["kind"] == Kind.FRAME)]
        numbers = own["frame"][own["frame"] != NONE]
        entry.frames += len(own)
        if not len(numbers):
            continue
        entry.numbers.update(numbers.tolist())
        least, greatest = int(numbers.min()), int(numbers.max())
        entry.least = least if entry.least is None else min(entry.least, least)
        entry.greatest = greatest if entry.greatest is None else max(entry.greatest, greatest)
