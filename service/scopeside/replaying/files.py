"""A file of frames, or a folder of images, as a stream: one series with a start and an end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from scopeside.client.publisher import sendable
from scopeside.io import FrameFile
from scopeside.messages import Array, Channel
from scopeside.recording.layout import Kind
from scopeside.replaying.item import Item, Message
from scopeside.replaying.selection import Selection
from scopeside.wire.native import encode_frame, encode_start


@dataclass(frozen=True, slots=True, kw_only=True)
class _Numbered:
    """A frame on its way: `number` in the series, `index` in the file."""

    number: int
    index: int
    values: Array


class FileSource:
    """The frames of a file; calibration, stage and time go along in the headers.

    With `recorded_times` a frame's `t_ns` is when the file says it was taken, where it does;
    otherwise the moment at which it is due. The file's own is in `user` either way.
    """

    damaged = 0
    ends_series = True

    def __init__(
        self, file: FrameFile, *, series: str, selection: Selection, recorded_times: bool = False
    ) -> None:
        self._file = file
        self._selection = selection
        self._frames = selection.within(len(file))
        self._recorded_times = recorded_times
        self.series = series
        self.frames = selection.total(len(self._frames))
        self.name = str(file.path)
        self.timed = file.times_s is not None
        ny, nx = file.shape
        self.item_bytes = ny * nx * file.dtype.itemsize

    @property
    def period_s(self) -> float | None:
        times_s = self._file.times_s
        if times_s is None or len(self._frames) < 2:
            return None
        span_s = times_s[self._frames[-1]] - times_s[self._frames[0]]
        return span_s / (len(self._frames) - 1)

    def items(self) -> Iterator[Item]:
        """Yield the start and every frame, loop after loop, as one series."""
        yield Item(
            encode=self._start,
            at_s=0.0 if self.timed else None,
            kind=Kind.START,
            series=self.series,
        )
        for number in self._selection.numbers(len(self._frames)):
            loop, position = divmod(number, len(self._frames))
            index = self._frames[position]
            frame = _Numbered(number=number, index=index, values=self._file.frame(index))
            yield Item(
                encode=partial(self._frame, frame),
                at_s=self._at_s(loop, index),
                kind=Kind.FRAME,
                series=self.series,
            )

    def _at_s(self, loop: int, index: int) -> float | None:
        times_s = self._file.times_s
        if times_s is None:
            return None
        first, last = self._frames[0], self._frames[-1]
        # Between the last frame and the first of the next loop lies one mean period.
        loop_s = times_s[last] - times_s[first] + (self.period_s or 0.0)
        return times_s[index] - times_s[first] + loop * loop_s

    def _start(self, t_ns: int) -> Message:
        with sendable("series"):
            return encode_start(series=self.series, t_ns=t_ns, pixel_size_m=self._file.pixel_size_m)

    def _frame(self, frame: _Numbered, t_ns: int) -> Message:
        taken = self._taken(frame.index)
        with sendable("recorded frame"):
            return encode_frame(
                series=self.series,
                number=frame.number,
                t_ns=self._t_ns(taken, t_ns),
                channels=[Channel(name="image", values=frame.values)],
                pixel_size_m=self._file.pixel_size_m,
                stage=self._file.stage_at(frame.index),
                user={"source": self._source(frame.index, taken)},
            )

    def _taken(self, index: int) -> datetime | None:
        """Return when the file says that a frame was taken."""
        if self._file.began is None:
            return None
        began = datetime.fromisoformat(self._file.began)
        times_s = self._file.times_s
        if times_s is None:
            return began if index == 0 else None
        after = times_s[index]
        return began.fromtimestamp(began.timestamp() + after, began.tzinfo)

    def _t_ns(self, taken: datetime | None, due_ns: int) -> int:
        if not self._recorded_times or taken is None:
            return due_ns
        return round(taken.timestamp() * 1e6) * 1000

    def _source(self, index: int, taken: datetime | None) -> dict[str, Any]:
        source: dict[str, Any] = {"file": self._file.path.name, "index": index}
        if taken is not None:
            source["taken"] = taken.isoformat()
        return source
