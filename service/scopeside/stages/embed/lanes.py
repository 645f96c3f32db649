"""How many tiles an encoder on the CPU runs at a time."""

from __future__ import annotations

import os

MOST_LANES = 8
"""Each lane keeps memory of its own, 80 MiB at 23 chips of 64 px; with more cores than this a lane
takes several. Measured on two cores."""


def lanes(threads: int) -> int:
    """Return the number of tiles abreast with `threads` threads; 0 means every usable core."""
    return min(MOST_LANES, threads or _cores())


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
