"""A frame's shape on the command line: `512x640`, rows first."""

from __future__ import annotations

import argparse

LEAST_PX = 8


def frame_shape(text: str) -> tuple[int, int]:
    """Return `(ny, nx)`; for argparse, which says what is wrong."""
    try:
        ny, nx = (int(side) for side in text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no shape: write 512x512") from None
    if min(ny, nx) < LEAST_PX:
        raise argparse.ArgumentTypeError(f"'{text}' is too small: at least {LEAST_PX}x{LEAST_PX}")
    return ny, nx
