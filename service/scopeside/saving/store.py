"""A saved run as the place where messages go: the saving process's half of the tap."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import zarr

from scopeside import __version__
from scopeside.client.result import Result
from scopeside.errors import OutputError
from scopeside.recording.layout import RecordedMessage
from scopeside.saving.image import SavedImage
from scopeside.saving.layout import FORMAT, KEY, VERSION
from scopeside.saving.packet import FrameFacts, decode_saved

BROKEN_OFF = "The program that its results came from ended before it."
"""Why a run ended that nobody closed."""


class RunStore:
    """Appends results to `path`, a folder that it makes; a MessageStore.

    Raises OutputError for a path that exists or cannot be written, and when the disk is full:
    what was appended before that is whole.
    """

    def __init__(self, path: Path, *, source: str) -> None:
        self._path = path
        self._open: list[SavedImage] = []
        self._images = 0
        self._frames = 0
        self._dropped = 0
        if path.exists():
            raise OutputError(f"{path} exists already: a run that was saved is never replaced.")
        with _writing(path):
            path.mkdir()
            self._store: Any = zarr.DirectoryStore(str(path), dimension_separator="/")
            self._root = zarr.open_group(self._store, mode="a")
            self._ours: dict[str, Any] = {
                "format": FORMAT,
                "version": VERSION,
                "software": f"scopeside {__version__}",
                "source": source,
                "closed": False,
                "not_saved": 0,
            }
            self._describe()

    @property
    def files(self) -> int:
        return 1

    @property
    def committed(self) -> int:
        """Frames appended: each of them is safe from the end of the process at once."""
        return self._frames

    def append(self, messages: Sequence[RecordedMessage]) -> None:
        for message in messages:
            result, facts = decode_saved(message.parts)
            self._dropped += message.dropped_before
            try:
                with _writing(self._path):
                    self._image_of(result, facts).append(result, facts)
            except OutputError as error:
                self._note_end(str(error))
                raise
            self._frames += 1

    def commit(self) -> None:
        """Nothing waits."""

    def close(self, *, dropped_after: int | None) -> None:
        """Say that the run is at its end, and how many results were dropped on the way to it.

        A run that broke off, None, is at no end.
        """
        whole, after = dropped_after is not None, dropped_after or 0
        self._ours |= {"closed": whole, "not_saved": self._dropped + after}
        if not whole:
            self._ours["ended"] = BROKEN_OFF
        with _writing(self._path):
            for image in self._open:
                image.end()
            self._describe()

    def _image_of(self, result: Result, facts: FrameFacts) -> SavedImage:
        """Return the image that a frame belongs to; a new one where it belongs to none."""
        for image in self._open:
            if image.takes(result, facts):
                return image
        if self._open and self._open[0].series != result.series:
            for image in self._open:
                image.end()
            self._open = []
        image = SavedImage(self._store, str(self._images), result)
        self._images += 1
        self._open.append(image)
        return image

    def _note_end(self, sentence: str) -> None:
        """Let the run say why it ended, where there is still room for a sentence.

        What the last frame left half written is gone by then, which makes room on a full disk.
        """
        self._ours["ended"] = sentence
        with suppress(OutputError), _writing(self._path):
            for image in self._open:
                image.undo()
            self._describe()

    def _describe(self) -> None:
        self._root.attrs.put({"bioformats2raw.layout": 3, KEY: self._ours})


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn whatever the file system refuses into one sentence."""
    try:
        yield
    except OSError as error:
        raise OutputError(_unwritable(path, error)) from error
    except KeyError as error:
        # What zarr makes of a folder that it cannot create.
        if not isinstance(error.__cause__, OSError):
            raise
        raise OutputError(_unwritable(path, error.__cause__)) from error


def _unwritable(path: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return (
            f"The disk of {path} is full ({error.strerror}): nothing more is saved there, and the "
            "frames that it has are whole. Make room and begin another run."
        )
    return (
        f"{path} cannot be written ({error.strerror or error}): name a new folder in one that "
        "exists, on a disk with room."
    )
