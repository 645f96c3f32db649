"""A number of bytes on the command line: `500MB`, `2GiB`, `100000`."""

from __future__ import annotations

import argparse
import re

_UNITS = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}


def byte_size(text: str) -> int:
    """Return the bytes that a word names."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.strip().lower())
    if match is None or match[2] not in _UNITS:
        raise argparse.ArgumentTypeError(f"'{text}' is no size: write 500MB, 2GiB or 100000")
    return round(float(match[1]) * _UNITS[match[2]])
