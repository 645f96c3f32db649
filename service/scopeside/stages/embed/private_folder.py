"""A folder that this user alone can write to, and files that appear in it whole.

Compiled models and engines are code: from a folder that others can write to none is taken.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

PART = ".part-"
"""How the name of a file begins that is not written to its end."""


def user_folder(name: str) -> Path:
    """Return the folder `name` in the user's cache folder."""
    from platformdirs import user_cache_path

    return user_cache_path("scopeside", appauthor=False) / name


def make_private(folder: Path) -> None:
    """Make the folder (mode 0700) unless it is there; OSError where it cannot be trusted."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.stat()
    if os.name == "posix" and (
        found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    ):
        raise PermissionError(None, "others can write to it, and what is kept there is code")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise PermissionError(None, "this user cannot write to it")


def write_whole(path: Path, parts: Iterable[bytes]) -> None:
    """Write the parts as one file; another process never sees half of it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=PART)
    try:
        with os.fdopen(handle, "wb") as file:
            for part in parts:
                file.write(part)
        Path(name).replace(path)
    except BaseException:  # an interrupt too must not leave 90 MB behind
        Path(name).unlink(missing_ok=True)
        raise
