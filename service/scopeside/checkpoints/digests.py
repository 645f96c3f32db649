"""SHA-256 of checkpoints: what one must be, who says so, and the note kept beside the file."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from scopeside.errors import OutputError, WeightsError

_NOTE = re.compile(r"\b[0-9a-fA-F]{64}\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The first digits (or all 64) that a SHA-256 must have, and who says so ("... says")."""

    digits: str
    said_by: str

    def require(self, sha256: str, what: str) -> None:
        """Raise WeightsError where `sha256`, that of `what`, is another one."""
        if sha256.startswith(self.digits.lower()):
            return
        dots = "..." if len(self.digits) < 64 else ""
        raise WeightsError(
            f"{what} was refused: its SHA-256 is {sha256}, not {self.digits}{dots},"
            f" as {self.said_by}."
        )


def note_beside(path: Path) -> Path:
    """Return where the SHA-256 of the checkpoint `path` is noted, as `sha256sum` writes it."""
    return path.with_name(f"{path.name}.sha256")


def noted(path: Path) -> str | None:
    """Return the SHA-256 noted beside `path`, or None. Raises WeightsError for a damaged note."""
    note = note_beside(path)
    try:
        text = note.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise WeightsError(f"{note} cannot be read: {error.strerror or error}.") from error
    found = _NOTE.search(text)
    if found is None:
        raise WeightsError(f"{note} holds no SHA-256: delete it or write it anew.")
    return found[0].lower()


def take_note(path: Path, sha256: str) -> None:
    """Note the SHA-256 of `path` beside it. Raises OutputError where that cannot be written."""
    note = note_beside(path)
    fresh = note.with_name(f"{note.name}.{os.getpid()}")
    try:
        fresh.write_text(f"{sha256}  {path.name}\n", encoding="utf-8")
        fresh.replace(note)
    except OSError as error:
        raise OutputError(f"{note} cannot be written: {error.strerror or error}.") from error
