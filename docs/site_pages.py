"""What the site needs beside `docs`: pages that lie elsewhere in the repository, and their links.

A hook of MkDocs. On a code host the same pages are read where they lie, with the links as written.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]

ELSEWHERE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "config/README.md": "presets.md",
    "benchmarks/README.md": "benchmarks-protocol.md",
}
"""Pages outside `docs`, and where they are on the site."""

_WRITTEN = {on_site: in_repository for in_repository, on_site in ELSEWHERE.items()}
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
_SHOWN_CODE = re.compile(r"<code>[^<]*</code>")
_BLOCK = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def on_files(files: Any, config: Any) -> Any:
    for in_repository, on_site in ELSEWHERE.items():
        text = (ROOT / in_repository).read_text(encoding="utf-8")
        files.append(File.generated(config, on_site, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    here = page.file.src_uri
    written = _WRITTEN.get(here, f"docs/{here}")
    parts = _BLOCK.split(markdown)
    # Every second part is a block of code, in which nothing is a link.
    for index in range(0, len(parts), 2):
        parts[index] = _LINK.sub(lambda found: _moved(found, written, here), parts[index])
    return "".join(parts)


def on_page_content(html: str, **_: Any) -> str:
    # A bar in a table's code is written with a backslash, which Python-Markdown shows.
    return _SHOWN_CODE.sub(lambda found: found[0].replace("\\|", "|"), html)


def _moved(link: re.Match[str], written: str, here: str) -> str:
    picture, text, target = link.groups()
    if "://" in target or target.startswith(("#", "mailto:")):
        return link[0]
    path, mark, anchor = target.partition("#")
    in_repository = os.path.normpath(PurePosixPath(written).parent / path)
    on_site = ELSEWHERE.get(in_repository)
    if on_site is None and in_repository.startswith("docs/"):
        on_site = in_repository.removeprefix("docs/")
        if (ROOT / in_repository).is_dir():
            on_site += "/README.md"
    if on_site is None:
        return text  # a source file, which the site does not have
    relative = os.path.relpath(on_site, PurePosixPath(here).parent)
    return f"{picture}[{text}]({relative}{mark}{anchor})"
