"""Which packages cuGraph needs, and which of them are not installed; imports none of them."""

from __future__ import annotations

import importlib.util

PACKAGES = ("cupy", "rmm", "pylibraft", "pylibcugraph")


def missing_packages() -> tuple[str, ...]:
    """Return which of the packages are not installed."""
    return tuple(name for name in PACKAGES if importlib.util.find_spec(name) is None)
