"""A file that has not come whole yet, kept so that the next attempt goes on where it broke off."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from scopeside.errors import OutputError

_CHUNK_BYTES = 2**20


class PartFile:
    """The bytes that came so far and their running SHA-256.

    `version` is the server's word for the version of the file that they belong to (a strong
    ETag, or a date). Without one nobody can tell whether the rest would fit, so such bytes are
    not kept from one run to the next.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._note = path.with_name(f"{path.name}.version")
        self._hash = hashlib.sha256()
        self.size = 0
        with _said_as_output_error(path):
            self.version = _read_version(self._note)
            self._file = path.open("a+b")
            try:
                self._take_up()
            except BaseException:
                self._file.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with _said_as_output_error(self.path):
            self._file.close()  # writes what is left

    def add(self, data: bytes) -> None:
        with _said_as_output_error(self.path):
            self._file.write(data)
        self._hash.update(data)
        self.size += len(data)

    def start_over(self, version: str | None) -> None:
        """Forget every byte; those that come now belong to `version`."""
        with _said_as_output_error(self.path):
            self._file.seek(0)
            self._file.truncate()
            # In this order, so that no bytes are ever taken for those of another version.
            self._note.unlink(missing_ok=True)
            if version is not None:
                self._note.write_text(version, encoding="ascii")
        self._hash = hashlib.sha256()
        self.size = 0
        self.version = version

    def finish(self) -> str:
        """Put every byte on the disk and return the SHA-256 of all."""
        with _said_as_output_error(self.path):
            self._file.flush()
            os.fsync(self._file.fileno())
        return self._hash.hexdigest()

    def discard(self) -> None:
        """Delete the file and its note."""
        with _said_as_output_error(self.path):
            self._file.close()
            self.path.unlink(missing_ok=True)
            self._note.unlink(missing_ok=True)

    def move_to(self, path: Path) -> None:
        """Put the finished file in its place, in one step that nobody can see half of."""
        with _said_as_output_error(path):
            self._file.close()
            self.path.replace(path)
            self._note.unlink(missing_ok=True)

    def _take_up(self) -> None:
        if self.version is None:
            self._file.truncate(0)
            return
        self._file.seek(0)
        while data := self._file.read(_CHUNK_BYTES):
            self._hash.update(data)
            self.size += len(data)


def _read_version(note: Path) -> str | None:
    try:
        text = note.read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return None
    # It goes into a request's header: what is no plain line is no version.
    return text if text.isascii() and text.isprintable() and text else None


@contextmanager
def _said_as_output_error(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"The weights cannot be written to {path} ({error.strerror or error}):"
            " set service.cache to a folder of your own with space in it."
        ) from error
