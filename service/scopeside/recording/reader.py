"""Reads a recording: all its files as one, a few megabytes at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from scopeside.errors import InputFileError
from scopeside.messages import Array
from scopeside.recording.layout import NONE, Kind, RecordedMessage
from scopeside.recording.naming import later_parts
from scopeside.recording.readfile import RecordingFile

ROWS_AT_ONCE = 4096
PAYLOAD_AT_ONCE_BYTES = 8 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    """A message and what the index says of it; `message` is None where its bytes are damaged."""

    index: int
    kind: Kind
    series: str | None
    frame: int | None
    message: RecordedMessage | None


class Recording:
    """The messages of a recording, in order; those of all its files where it was split.

    A file that is still being written, or whose writer was killed, is read as far as it is whole
    at the moment of opening. Raises InputFileError for what is no recording or lacks a file.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.files: list[RecordingFile] = [RecordingFile(self.path)]
        try:
            first = self.files[0].facts
            for later in later_parts(self.path) if first.part == 1 else ():
                file = RecordingFile(later)
                if file.facts.recording != first.recording:
                    file.close()
                    continue
                self.files.append(file)
                if file.facts.part != len(self.files):
                    raise InputFileError(
                        f"{self.path} lacks its file {len(self.files)}, which comes before "
                        f"{later.name}: put all files of a recording into one folder."
                    )
        except BaseException:
            self.close()
            raise

    def __len__(self) -> int:
        return sum(file.count for file in self.files)

    @property
    def complete(self) -> bool:
        """Whether its writer came to its end, and all that it wrote is here."""
        return self.files[-1].facts.closed_ns != 0 and self.lacks is None

    @property
    def lacks(self) -> int | None:
        """The number of the file that should follow the last one here and does not; more may
        have followed it. Of a single file of a recording nothing is asked."""
        last = self.files[-1].facts
        if self.files[0].facts.part != 1 or last.closed_ns == 0 or last.last is not False:
            return None
        return last.part + 1

    @property
    def dropped_after(self) -> int:
        """Messages dropped after the last one recorded."""
        return self.files[-1].facts.dropped_after

    def index(self) -> Iterator[tuple[RecordingFile, Array]]:
        """Yield the rows of `/messages` in blocks, with the file they are in."""
        for file in self.files:
            for first in range(0, file.count, ROWS_AT_ONCE):
                yield file, file.rows(first, min(first + ROWS_AT_ONCE, file.count))

    def messages(self, first: int = 0, last: int | None = None) -> Iterator[StoredMessage]:
        """Yield messages `first` to `last - 1` (to the end where None)."""
        end = len(self) if last is None else min(last, len(self))
        begins = 0
        for file in self.files:
            inside = range(max(first - begins, 0), min(end - begins, file.count))
            for at in range(inside.start, inside.stop, ROWS_AT_ONCE):
                rows = file.rows(at, min(at + ROWS_AT_ONCE, inside.stop))
                for offset, stored in enumerate(_read(file, rows)):
                    row = rows[offset]
                    yield StoredMessage(
                        index=begins + at + offset,
                        kind=Kind(row["kind"]) if row["kind"] <= max(Kind) else Kind.OTHER,
                        series=file.series_name(int(row["series"])),
                        frame=None if row["frame"] == NONE else int(row["frame"]),
                        message=stored,
                    )
            begins += file.count

    def close(self) -> None:
        for file in self.files:
            file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _read(file: RecordingFile, rows: Array) -> Iterator[RecordedMessage | None]:
    """Yield the messages of some rows, reading as many payloads at once as memory allows."""
    at = 0
    while at < len(rows):
        taken, messages = file.read(rows[at:], most_bytes=PAYLOAD_AT_ONCE_BYTES)
        yield from messages
        at += taken
