"""One series of a recording as frames: what `segment` and `recording export` read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import numpy as np

from scopeside.errors import DropError, InputFileError
from scopeside.io.framefile import FrameFile
from scopeside.messages import Array
from scopeside.recording.layout import Kind
from scopeside.recording.reader import Recording
from scopeside.settings import LimitSettings
from scopeside.wire.incoming import FrameMessage, StartMessage
from scopeside.wire.native import decode_message

# What the recording holds was let through, or recorded, by somebody who knew why.
_LIMITS = LimitSettings(
    message_bytes=2**40, parts=1024, header_bytes=2**30, frame_pixels=2**40, open_series=64
)


def open_recorded(path: Path, *, series: str | None = None) -> FrameFile:
    """Open the frames of one series, by default that with most frames; of each the first channel.

    Times are those of arrival. Raises InputFileError where there is no such series, or no frame.
    """
    frames = RecordedFrames(Recording(path), series)
    first = frames.message(0)
    values = first.channels[0].values
    ny, nx = values.shape
    others = [f"'{name}'" for name in frames.names if name != frames.series]
    left = f", left {', '.join(others[:5])}{', ...' if len(others) > 5 else ''}" if others else ""
    return FrameFile(
        path=path,
        count=len(frames.indices),
        shape=(ny, nx),
        dtype=values.dtype,
        read=frames.read,
        pixel_size_m=first.pixel_size_m or frames.pixel_size_m,
        note=f"took series '{frames.series}'{left}",
        began=datetime.fromtimestamp(frames.wall_ns[0] / 1e9, UTC).isoformat(),
        times_s=((frames.monotonic_ns - frames.monotonic_ns[0]) / 1e9).tolist(),
        stage_at=frames.stage_at,
    )


class RecordedFrames:
    """The frames of one series of a recording, read one by one.

    `indices` are messages of the recording, `numbers` the frames' own; times are of arrival.
    """

    def __init__(self, recording: Recording, series: str | None) -> None:
        self._recording = recording
        counts = _frames_of_series(recording)
        if not counts or (series is not None and series not in counts):
            known = ", ".join(f"'{name}'" for name in list(counts)[:5]) or "none"
            wanted = "frame of a series" if series is None else f"frame of a series '{series}'"
            raise InputFileError(
                f"{recording.path} holds no {wanted}; series with frames are {known}."
            )
        self.names = list(counts)
        self.series = counts.most_common(1)[0][0] if series is None else series
        indices, monotonic, wall, numbers, starts = [], [], [], [], []
        begins = 0
        for file, rows in recording.index():
            own = np.array(
                [file.series_name(int(number)) == self.series for number in rows["series"]]
            )
            starts.append(begins + np.flatnonzero(own & (rows["kind"] == Kind.START)))
            chosen = np.flatnonzero(own & (rows["kind"] == Kind.FRAME))
            indices.append(begins + chosen)
            monotonic.append(rows["monotonic_ns"][chosen])
            wall.append(rows["wall_ns"][chosen])
            numbers.append(rows["frame"][chosen])
            begins += len(rows)
        self.indices = np.concatenate(indices)
        self.monotonic_ns = np.concatenate(monotonic)
        self.wall_ns = np.concatenate(wall)
        self.numbers = np.concatenate(numbers)
        self.pixel_size_m = self._started(np.concatenate(starts))

    def message(self, at: int) -> FrameMessage:
        """Return frame `at` of the series; ValueError where it is damaged or broken."""
        (stored,) = self._recording.messages(int(self.indices[at]), int(self.indices[at]) + 1)
        if stored.message is None:
            raise ValueError("it is not as it was recorded; `recording cut` leaves it out")
        try:
            message = decode_message(stored.message.parts, _LIMITS)
        except DropError as error:
            raise ValueError(str(error)) from error
        return cast(FrameMessage, message)  # by its topic, or it would not be in the index

    def read(self, at: int) -> Array:
        return self.message(at).channels[0].values

    def stage_at(self, at: int) -> Mapping[str, float] | None:
        return self.message(at).stage

    def _started(self, starts: Array) -> tuple[float, float] | None:
        """Return the pixel size that the start of the series gave."""
        for index in starts:
            (stored,) = self._recording.messages(int(index), int(index) + 1)
            if stored.message is None:
                continue
            with suppress(DropError):
                start = decode_message(stored.message.parts, _LIMITS)
                return cast(StartMessage, start).pixel_size_m
        return None


def _frames_of_series(recording: Recording) -> Counter[str]:
    counts: Counter[str] = Counter()
    for file, rows in recording.index():
        found, many = np.unique(rows["series"][rows["kind"] == Kind.FRAME], return_counts=True)
        for number, count in zip(found, many, strict=True):
            name = file.series_name(int(number))
            if name is not None:
                counts[name] += int(count)
    return counts
