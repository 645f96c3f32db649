"""Which of the packages that this one asks for are installed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import metadata

from scopeside.checks.finding import Finding

ENGINE_EXTRA = "cpu"


def packages() -> Iterator[Finding]:
    """Look up what the installed metadata requires: the base, and the engine's extra."""
    try:
        required = metadata.requires("scopeside") or []
    except metadata.PackageNotFoundError:
        yield Finding(
            section="packages",
            name="scopeside",
            value="runs from a folder and is not installed, so its needs are not known",
            ok=False,
            fix="Install it: pip install -e '.[cpu]' in its checkout.",
        )
        return
    for requirement in required:
        extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)['\"]", requirement)
        if extra and extra[1] != ENGINE_EXTRA:
            continue
        name = re.split(r"[\s\[<>=!~;(]", requirement, maxsplit=1)[0]
        wanted = requirement.partition(";")[0].removeprefix(name).strip()
        fix = "pip install 'scopeside[cpu]'" if extra else "pip install scopeside"
        yield _package(name, wanted, fix=fix)


def _package(name: str, wanted: str, *, fix: str) -> Finding:
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Finding(
            section="packages", name=name, value=f"missing, needs {wanted}", ok=False, fix=fix
        )
    return Finding(section="packages", name=name, value=version, ok=True)
