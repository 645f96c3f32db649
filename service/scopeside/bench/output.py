"""The folder of a measurement, asked for before minutes are spent on what could not be kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scopeside.errors import OutputError


def require_writable(folder: Path, names: Sequence[str]) -> None:
    """Make the folder where it is absent; OutputError where files of these names cannot be in it.

    Nothing is left behind, and what is there stays as it is.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            file = folder / name
            there = file.exists()
            with file.open("ab"):
                pass
            if not there:
                file.unlink()
    except OSError as error:
        raise OutputError(
            f"{folder} cannot hold the report ({error.strerror or error}): give --out a folder that"
            " you may write to."
        ) from error
