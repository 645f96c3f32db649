"""One number for all that decides what is compiled, to tell a table of resources that is old."""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path

HERE = Path(__file__).parent
APART = ("compiled.py", "sources.py", "resources.json")
"""What makes the table, and the table."""


def fingerprint(folder: Path = HERE) -> str:
    """Return a digest of the package's code and launch configurations.

    Comments, docstrings and layout do not count, since they compile to nothing.
    """
    digest = hashlib.sha256()
    for path in sorted((*folder.rglob("*.py"), *folder.glob("*.json"))):
        if path.name in APART:
            continue
        text = path.read_text("utf-8")
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        digest.update((code_of(text) if path.suffix == ".py" else text).encode() + b"\0")
    return digest.hexdigest()[:16]


def code_of(source: str) -> str:
    """Return a Python source without comments, layout, and strings that stand by themselves."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            kept = [line for line in body if not _is_text(line)]
            node.body = kept or [ast.Pass()]  # type: ignore[attr-defined]
    return ast.unparse(tree)


def _is_text(line: ast.stmt) -> bool:
    return (
        isinstance(line, ast.Expr)
        and isinstance(line.value, ast.Constant)
        and isinstance(line.value.value, str)
    )
