"""Keeps freed memory for the next frame instead of giving it back to the system.

By default glibc returns a large array to the system when it is freed, and asks for it again, page
by page, a frame later. Freeing alone then took up to 1.1 ms of the interpreter's lock after a frame
of 1024 x 1024, in about every second process (measured; the thresholds adapt as memory is used).
"""

from __future__ import annotations

import ctypes
import logging

log = logging.getLogger(__name__)

# From glibc's malloc.h; no other C library has them.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3

KEPT_BYTES = 2**30
"""Free memory at the top of the heap that is kept."""
MAPPED_FROM_BYTES = 2**25
"""Size from which an array is mapped by itself, and given back when freed: the most that glibc
takes for it."""


def keep_freed_memory() -> bool:
    """Tell the C library to keep what is freed; False where it is not glibc."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        log.debug("the C library has no mallopt: freed memory goes back to the system")
        return False
    return bool(
        mallopt(_MMAP_THRESHOLD, MAPPED_FROM_BYTES) and mallopt(_TRIM_THRESHOLD, KEPT_BYTES)
    )
