"""What the files of a recording are called: run.h5, run-0002.h5, run-0003.h5 ..."""

from __future__ import annotations

import re
from pathlib import Path


def part_path(path: Path, part: int) -> Path:
    """Return the name of file `part` (from 1) of the recording that begins with `path`."""
    return path if part == 1 else path.with_name(f"{path.stem}-{part:04d}{path.suffix}")


def later_parts(path: Path) -> list[Path]:
    """Return the files that may continue `path`, in order, whether or not they belong to it."""
    pattern = re.compile(re.escape(path.stem) + r"-(\d{4,})" + re.escape(path.suffix))
    if not path.parent.is_dir():
        return []
    found = [
        (int(match[1]), member)
        for member in path.parent.iterdir()
        if (match := pattern.fullmatch(member.name)) is not None
    ]
    return [member for number, member in sorted(found) if number >= 2]
