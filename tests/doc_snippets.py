"""What the documentation shows: its code blocks, command lines and links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    path
    for path in [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "config").glob("*.md"),
    ]
)

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of one language, in order."""
    return [text for kind, text in _BLOCK.findall(read(page)) if kind == language]


def python_block(page: str, containing: str) -> str:
    """The one Python block of a page that contains a text."""
    (found,) = [text for text in blocks(page, "python") if containing in text]
    return found


def command_lines(page: str, program: str) -> Iterator[list[str]]:
    """The arguments of every shown call of a program: in `sh` blocks and in code spans."""
    text = read(page)
    shown = [
        line for block in blocks(page, "sh") for line in block.replace("\\\n", " ").split("\n")
    ]
    # Without the fenced blocks, or their fences would count as the ends of code spans.
    shown += re.findall(r"`([^`\n]+)`", _BLOCK.sub("", text))
    for line in shown:
        words = shlex.split(line, comments=True)
        if len(words) > 1 and words[0] == program:
            yield words[1:]


def links(page: Path) -> Iterator[str]:
    """The targets of a page's links and pictures, other than web addresses."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "mailto:")):
            yield target


def sections(page: str, *, level: int = 2) -> dict[str, str]:
    """The text under every heading of one level, by the heading."""
    parts = re.split(rf"^{'#' * level} (.+)$", read(page), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))
