"""A recording in as many files as its size asks for."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path

from scopeside.errors import OutputError
from scopeside.recording.layout import RecordedMessage
from scopeside.recording.naming import later_parts, part_path
from scopeside.recording.writer import Compression, FileFacts, RecordingWriter

RESERVE_BYTES = 32 * 2**20
"""Room left on the disk: a recording that ends here can still be closed, and others can log."""


def free_bytes(path: Path) -> int:
    return shutil.disk_usage(path.parent).free


class SplitRecording:
    """A `MessageStore` that begins a new file where the next message would make one too large.

    `split_bytes` bounds the payload of a file (0: never split); a larger single message gets a
    file of its own. Raises OutputError where a file of the recording exists already.
    """

    def __init__(
        self,
        path: Path,
        *,
        source: str,
        compression: Compression = "none",
        split_bytes: int = 0,
        reserve_bytes: int = RESERVE_BYTES,
    ) -> None:
        self._path = path
        self._split_bytes = split_bytes
        self._reserve_bytes = reserve_bytes
        self._source = source
        self._compression: Compression = compression
        self._name = uuid.uuid4().hex
        self._in_closed_files = 0
        self.committed = 0
        self.files = 0
        if existing := later_parts(path):
            raise OutputError(
                f"{existing[0]} exists already, and would look like a part of this recording: "
                "name another file."
            )
        self._file = self._begin()

    def append(self, messages: Sequence[RecordedMessage]) -> None:
        """Add messages to the file that is open, and to new ones as they fill.

        Raises OutputError while the disk still has its reserve, and then closes what there is.
        """
        if free_bytes(self._path) < self._reserve_bytes + sum(one.size_bytes for one in messages):
            # Not marked as whole: what comes from here on is nowhere.
            self._end_file(whole=False)
            raise OutputError(
                f"The recording {self._path} ended, because its disk has less than "
                f"{self._reserve_bytes // 2**20} MiB left: free some, and begin a new one."
            )
        waiting: list[RecordedMessage] = []
        size = self._file.payload_bytes
        for message in messages:
            begun = self._file.messages + len(waiting) > 0
            if self._split_bytes and begun and size + message.size_bytes > self._split_bytes:
                self._file.append(waiting)
                # The next file comes first: one that was closed and has none after it, though it
                # is not marked as the last, has lost it.
                following = self._begin()
                self._end_file(last=False)
                self._file = following
                waiting, size = [], 0
            waiting.append(message)
            size += message.size_bytes
        self._file.append(waiting)

    def commit(self) -> None:
        """Hand everything to the operating system."""
        self._file.commit()
        self.committed = self._in_closed_files + self._file.messages

    def close(self, *, dropped_after: int | None) -> None:
        """Commit and end the recording; see `MessageStore` for None."""
        self._end_file(dropped_after=dropped_after or 0, whole=dropped_after is not None)

    def _end_file(self, *, dropped_after: int = 0, whole: bool = True, last: bool = True) -> None:
        self._file.close(dropped_after=dropped_after, whole=whole, last=last)
        self._in_closed_files += self._file.messages
        self.committed = self._in_closed_files

    def _begin(self) -> RecordingWriter:
        facts = FileFacts(
            recording=self._name,
            part=self.files + 1,
            source=self._source,
            compression=self._compression,
        )
        file = RecordingWriter(part_path(self._path, facts.part), facts)
        self.files += 1
        return file
