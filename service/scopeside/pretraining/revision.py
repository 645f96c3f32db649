"""Which commit of the source runs."""

from __future__ import annotations

import subprocess
from pathlib import Path


def revision() -> str:
    """Return the commit of the checkout that this file lies in, or "unknown" outside of one."""
    try:
        done = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty=+changes"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()
