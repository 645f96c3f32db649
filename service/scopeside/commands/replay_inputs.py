"""Opens what `replay` is given: a recording, a file of frames or a folder of images."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scopeside.commands.publishing import default_series
from scopeside.errors import ConfigError
from scopeside.io import FrameFile, open_frames
from scopeside.recording.reader import Recording
from scopeside.recording.readfile import is_recording
from scopeside.replaying.files import FileSource
from scopeside.replaying.item import Source
from scopeside.replaying.recordings import RecordingSource
from scopeside.replaying.selection import Selection

SERIES_CHARS = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedSource:
    """A source, and one sentence about what it is."""

    source: Source
    about: str


@contextmanager
def named_source(
    path: Path, args: argparse.Namespace, *, number: int, several: bool
) -> Iterator[NamedSource]:
    """Open one input; `number` tells the streams of one run apart where there are several."""
    selection = Selection(first=args.first, last=args.last, loops=args.loop, frames=args.frames)
    suffix = f"-{number + 1}" if several else ""
    recorded_times = args.times == "recorded"
    if path.is_file() and is_recording(path):
        with Recording(path) as recording:
            yield NamedSource(
                source=RecordingSource(
                    recording,
                    rename=_Renaming(args.series, suffix),
                    selection=selection,
                    recorded_times=recorded_times,
                    verbatim=args.verbatim,
                ),
                about=f"{path} is a recording of {len(recording)} messages",
            )
        return
    if args.verbatim:
        raise ConfigError(f"{path} is no recording: only one can be sent --verbatim.")
    file = open_frames(path)
    source = FileSource(
        file,
        series=args.series + suffix if args.series else default_series(file.name + suffix),
        selection=selection,
        recorded_times=recorded_times,
    )
    yield NamedSource(source=source, about=_about(file))


def _about(file: FrameFile) -> str:
    ny, nx = file.shape
    about = f"{file.path} holds {len(file)} frames of {ny}x{nx} {file.dtype}"
    return f"{about}; {file.note}" if file.note else about


class _Renaming:
    """Gives every recorded series a name that no earlier run has used, or the one asked for."""

    def __init__(self, asked: str | None, suffix: str) -> None:
        self._asked = asked
        self._suffix = suffix
        self._names: dict[str, str] = {}

    def __call__(self, series: str, loop: int) -> str:
        name = self._names.get(series)
        if name is None:
            ordinal = f"-{len(self._names) + 1}" if self._names else ""
            name = (
                default_series(series + self._suffix)
                if self._asked is None
                else self._asked + self._suffix + ordinal
            )
            self._names[series] = name
        again = f"-loop{loop + 1}" if loop else ""
        return name[: SERIES_CHARS - len(again)] + again
