"""Reads one file of a recording."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scopeside.errors import InputFileError, MissingExtraError
from scopeside.messages import Array
from scopeside.recording import layout
from scopeside.recording.layout import PartCodec, RecordedMessage, checksum

# HDF5's words for a file whose writer has it open, or was killed.
_BEING_WRITTEN = ("already open for write", "unable to lock file")

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenFacts:
    """What a file says of itself; `closed_ns` is 0 where its writer did not come to its end.

    `last` is None in files that were written before the last one was marked.
    """

    recording: str
    part: int
    source: str
    compression: str
    software: str
    created_ns: int
    closed_ns: int
    dropped_after: int
    last: bool | None


class RecordingFile:
    """One file, open for reading; it may be being written meanwhile.

    Raises InputFileError, in one sentence, for what is no recording or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = _open(path)
        try:
            with reading(path):
                self.facts = _facts(path, self._file)
                self._payload = self._file[layout.PAYLOAD]
                self._part_rows = self._file[layout.PARTS]
                self._message_rows = self._file[layout.MESSAGES]
                self.payload_bytes = int(self._payload.shape[0])
                self._parts = int(self._part_rows.shape[0])
                self.written = int(self._message_rows.shape[0])
                self._series = [bytes(row["name"]) for row in self._file[layout.SERIES][:]]
                self.count = self._whole_rows()
        except BaseException:
            self._file.close()
            raise

    @property
    def torn(self) -> int:
        """Rows at the end whose bytes did not reach the disk before the writer was killed."""
        return self.written - self.count

    def series_name(self, number: int) -> str | None:
        """Return the series with this number in the file."""
        if not 0 <= number < len(self._series):
            return None
        return self._series[number].decode(errors="replace")

    def rows(self, first: int, last: int) -> Array:
        """Return rows `first` to `last - 1` of `/messages`."""
        with reading(self.path):
            rows: Array = self._message_rows[first:last]
            return rows

    def stored_bytes(self, rows: Array) -> tuple[int, int]:
        """Return how many bytes the messages of adjacent rows have, and take in the file."""
        with reading(self.path):
            parts = self._parts_of(rows)
        return int(parts["size"].sum()), int(parts["stored"].sum())

    def read(self, rows: Array, *, most_bytes: int) -> tuple[int, list[RecordedMessage | None]]:
        """Return the messages of the first of these adjacent rows, and how many they are.

        As many as `most_bytes` hold, and one at least. A message that is not as it was recorded
        is None.
        """
        with reading(self.path):
            parts = self._parts_of(rows)
            lengths = np.minimum(rows["parts"], len(parts)).astype(np.int64)
            ends = np.minimum(np.cumsum(lengths), len(parts))
            stored = np.concatenate(([0], np.cumsum(parts["stored"].astype(np.float64))))
            fitting = int(np.searchsorted(stored[ends], most_bytes, side="right"))
            taken = max(1, min(fitting, len(rows)))
            parts = parts[: ends[taken - 1]]
            start = int(parts["offset"][0]) if len(parts) else 0
            stop = int(min(start + parts["stored"].sum(), self.payload_bytes))
            block = memoryview(self._payload[start:stop])
        begins = ends - lengths
        return taken, [
            _message(rows[at], parts[begins[at] : ends[at]], block, start) for at in range(taken)
        ]

    def close(self) -> None:
        self._file.close()

    def _whole_rows(self) -> int:
        """Count rows up to the last one whose message is whole."""
        count = self.written
        while count:
            _, messages = self.read(self.rows(count - 1, count), most_bytes=0)
            if messages[0] is not None:
                break
            count -= 1
        return count

    def _parts_of(self, rows: Array) -> Array:
        first = min(int(rows["first_part"][0]), self._parts)
        last = min(first + int(rows["parts"].astype(np.int64).sum()), self._parts)
        parts: Array = self._part_rows[first:last]
        return parts


def is_recording(path: Path) -> bool:
    """Whether a file is a recording of ours, by its content."""
    try:
        with path.open("rb") as file:
            if file.read(len(HDF5_SIGNATURE)) != HDF5_SIGNATURE:
                return False
        RecordingFile(path).close()
    except (OSError, InputFileError, MissingExtraError):
        return False
    return True


def _open(path: Path) -> Any:
    try:
        import h5py
    except ModuleNotFoundError:
        raise MissingExtraError(
            f"Reading {path} needs the Python package 'h5py', which is not installed: "
            "run `pip install 'scopeside[record]'`."
        ) from None
    if not path.is_file():
        raise InputFileError(f"{path} is no file: check the path of the recording.")
    with reading(path):
        try:
            return h5py.File(path, "r")
        except OSError as error:
            if not any(sign in str(error) for sign in _BEING_WRITTEN):
                raise
            # A reader beside a writer also opens what a killed writer left. Not the first choice:
            # in a file that was cut short it waits minutes for what will never be written.
            return h5py.File(path, "r", libver="latest", swmr=True)


def _facts(path: Path, file: Any) -> WrittenFacts:
    attributes = dict(file.attrs)
    if attributes.get("format") != layout.FORMAT:
        raise InputFileError(f"{path} is HDF5, but no recording of Scopeside.")
    if attributes.get("version") != layout.VERSION:
        raise InputFileError(
            f"{path} is a recording of version {attributes.get('version')}, and this program "
            f"reads version {layout.VERSION}: use a newer one."
        )
    return WrittenFacts(
        recording=str(attributes["recording"]),
        part=int(attributes["part"]),
        source=str(attributes["source"]),
        compression=str(attributes["compression"]),
        software=str(attributes["software"]),
        created_ns=int(attributes["created_ns"]),
        closed_ns=int(attributes["closed_ns"]),
        dropped_after=int(attributes["dropped_after"]),
        last=bool(attributes["last"]) if "last" in attributes else None,
    )


def _message(row: Any, parts: Array, block: memoryview, start: int) -> RecordedMessage | None:
    found = []
    for part in parts:
        begin = int(part["offset"]) - start
        end = begin + int(part["stored"])
        if not 0 <= begin <= end <= len(block):
            return None
        whole = _decoded(block[begin:end], int(part["codec"]), int(part["size"]))
        if whole is None:
            return None
        found.append(whole)
    times = int(row["monotonic_ns"]), int(row["wall_ns"])
    if not found or len(found) != row["parts"] or checksum(found, *times) != row["crc32"]:
        return None
    return RecordedMessage(
        parts=found,
        monotonic_ns=times[0],
        wall_ns=times[1],
        dropped_before=int(row["dropped_before"]),
    )


def _decoded(stored: memoryview, codec: int, size: int) -> bytes | memoryview | None:
    if codec == PartCodec.NONE:
        return stored if len(stored) == size else None
    if codec != PartCodec.ZSTD:
        return None
    import zstandard

    try:
        if zstandard.frame_content_size(stored) != size:
            return None
        return zstandard.ZstdDecompressor().decompress(stored)
    except (zstandard.ZstdError, MemoryError):
        return None


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn whatever HDF5 says about a file into one sentence."""
    try:
        yield
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:160].rstrip(".")
        raise InputFileError(
            f"{path} cannot be read as a recording ({reason}): it is damaged or of another format."
        ) from error
