"""Writes one file of a recording, so that it can be read at every moment.

The file is in HDF5's mode for a single writer and many readers (SWMR): its own structures are
written in an order in which a reader, or a process that is killed, never finds them half done.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np

from scopeside import __version__
from scopeside.errors import MissingExtraError, OutputError
from scopeside.messages import Array
from scopeside.recording import layout
from scopeside.recording.labels import label_of
from scopeside.recording.layout import NONE, PartCodec, RecordedMessage, checksum
from scopeside.wire.arrays import Buffer

Compression = Literal["none", "zstd"]

# Of zstd's levels the fastest common one: on detector counts higher ones gain a few per cent and
# cost the rate.
_ZSTD_LEVEL = 1

# Shorter parts (topics, headers) gain nothing that their frame of zstd does not cost.
_COMPRESSED_FROM_BYTES = 256

# HDF5 reports what the system said as text alone.
_DISK_FULL = ("errno = 28", "errno = 122")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """What a file says of itself from the moment it is made."""

    recording: str
    """Names the recording: all its files have the same."""
    part: int
    """Which of its files this is, from 1."""
    source: str
    """The endpoint the messages came from."""
    compression: Compression = "none"


class RecordingWriter:
    """One file being written; OutputError, naming it, for whatever the file system refuses."""

    def __init__(self, path: Path, facts: FileFacts) -> None:
        self.path = path
        self.payload_bytes = 0
        self.messages = 0
        self._parts = 0
        self._series: dict[str, int] = {}
        self._compress = _compressor(facts.compression)
        with _refusals(path):
            self._file = h5py.File(path, "x", libver="latest")
            for name, value in _attributes(facts).items():
                self._file.attrs[name] = value
            self._payload = self._table(layout.PAYLOAD, np.dtype("u1"), layout.PAYLOAD_CHUNK_BYTES)
            self._part_rows = self._table(layout.PARTS, layout.PART_DTYPE)
            self._series_rows = self._table(layout.SERIES, layout.SERIES_DTYPE, 64)
            self._message_rows = self._table(layout.MESSAGES, layout.MESSAGE_DTYPE)
            self._file.swmr_mode = True

    def append(self, messages: Sequence[RecordedMessage]) -> None:
        """Add messages; they are safe after the next `commit`."""
        stored: list[Buffer] = []
        part_rows: list[tuple[int, int, int, int]] = []
        message_rows: list[tuple[int, ...]] = []
        known_series = len(self._series)
        offset = self.payload_bytes
        for message in messages:
            first_part = self._parts + len(part_rows)
            for part in message.parts:
                codec, kept = self._compress(part)
                part_rows.append((offset, len(kept), len(part), codec))
                stored.append(kept)
                offset += len(kept)
            message_rows.append(self._row(message, first_part))
        with _refusals(self.path):
            self.payload_bytes = _extend(
                self._payload, np.frombuffer(b"".join(stored), np.uint8), self.payload_bytes
            )
            self._parts = _extend(
                self._part_rows, np.array(part_rows, layout.PART_DTYPE), self._parts
            )
            names = [name.encode() for name in list(self._series)[known_series:]]
            _extend(self._series_rows, np.array(names, layout.SERIES_DTYPE), known_series)
            self.messages = _extend(
                self._message_rows, np.array(message_rows, layout.MESSAGE_DTYPE), self.messages
            )

    def commit(self) -> None:
        """Hand everything to the operating system, rows of `/messages` last."""
        with _refusals(self.path):
            for table in (self._payload, self._part_rows, self._series_rows, self._message_rows):
                table.flush()

    def close(self, *, dropped_after: int = 0, whole: bool = True, last: bool = True) -> None:
        """Commit, mark the file as whole where it is, and as the recording's last, and see that
        the disk has it."""
        self.commit()
        with _refusals(self.path):
            self._file.attrs.modify("dropped_after", np.int64(dropped_after))
            self._file.attrs.modify("last", np.int64(last and whole))
            if whole:
                self._file.attrs.modify("closed_ns", np.int64(time.time_ns()))
            self._file.close()
            with self.path.open("rb") as written:
                os.fsync(written.fileno())

    def _row(self, message: RecordedMessage, first_part: int) -> tuple[int, ...]:
        label = label_of(message.parts)
        series = NONE
        if label.series is not None:
            series = self._series.setdefault(label.series, len(self._series))
        return (
            message.monotonic_ns,
            message.wall_ns,
            first_part,
            len(message.parts),
            checksum(message.parts, message.monotonic_ns, message.wall_ns),
            label.frame,
            series,
            message.dropped_before,
            label.kind,
        )

    def _table(
        self, name: str, dtype: np.dtype[Any], chunk: int = layout.ROWS_PER_CHUNK
    ) -> h5py.Dataset:
        return self._file.create_dataset(name, (0,), dtype, maxshape=(None,), chunks=(chunk,))


def _extend(table: h5py.Dataset, rows: Array, at: int) -> int:
    """Append rows to a table that holds `at` of them; return how many it holds then."""
    end = at + len(rows)
    if len(rows):
        table.resize((end,))
        table[at:] = rows
    return end


def _attributes(facts: FileFacts) -> dict[str, Any]:
    return {
        "format": layout.FORMAT,
        "version": np.int64(layout.VERSION),
        "recording": facts.recording,
        "part": np.int64(facts.part),
        "source": facts.source,
        "compression": facts.compression,
        "software": f"scopeside {__version__}",
        "created_ns": np.int64(time.time_ns()),
        "dropped_after": np.int64(0),
        "last": np.int64(0),
        # Stays 0 in a file whose writer did not come to its end.
        "closed_ns": np.int64(0),
    }


Compress = Callable[[Buffer], tuple[PartCodec, Buffer]]


def _compressor(compression: Compression) -> Compress:
    if compression == "none":
        return lambda part: (PartCodec.NONE, part)
    try:
        import zstandard
    except ModuleNotFoundError:
        raise MissingExtraError(
            "A compressed recording needs the Python package 'zstandard', which is not installed: "
            "run `pip install 'scopeside[record]'`, or record without compression."
        ) from None
    zstd = zstandard.ZstdCompressor(level=_ZSTD_LEVEL)

    def compress(part: Buffer) -> tuple[PartCodec, Buffer]:
        if len(part) < _COMPRESSED_FROM_BYTES:
            return PartCodec.NONE, part
        smaller = zstd.compress(part)
        # What compression only makes longer (noise, compressed payloads) stays as it is.
        return (PartCodec.ZSTD, smaller) if len(smaller) < len(part) else (PartCodec.NONE, part)

    return compress


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise OutputError(
            f"{path} exists already: a recording never replaces a file; name another."
        ) from None
    except (OSError, RuntimeError) as error:
        # h5py raises either, with the system's own words deep in HDF5's.
        text = " ".join(str(error).split())
        if any(sign in text for sign in _DISK_FULL):
            raise OutputError(
                f"{path} cannot be written any further, because the disk is full: "
                "free some of it, and begin a new recording."
            ) from error
        raise OutputError(
            f"{path} cannot be written ({_system_words(text)}): "
            "name a file in a folder that exists, on a disk with room."
        ) from error


def _system_words(text: str) -> str:
    """What the system said, within what HDF5 made of it."""
    found = re.search(r"error message = '([^']*)'", text)
    return found[1] if found else text[:120]
