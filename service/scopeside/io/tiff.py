"""TIFF: calibration and axes from RosettaSciIO, pixels from tifffile a few pages at a time."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scopeside.io.acquired import Acquired
from scopeside.io.framefile import BlockReader, FrameFile
from scopeside.io.pixels import as_frame, frame_dtype
from scopeside.io.quiet import quiet
from scopeside.io.rosetta import find_images
from scopeside.messages import Array

TIFF_SUFFIXES = frozenset({".tif", ".tiff"})

# Files up to this size are decoded once when they are opened. Beyond it the describing reader
# is lazy, and keeps the file open until its objects are collected.
_EAGER_BYTES = 64 * 2**20

# Pages are read in blocks of about this size: few openings of the file, little memory.
_BLOCK_BYTES = 32 * 2**20


def open_tiff(path: Path) -> FrameFile:
    """Open a TIFF of one or many pages, grey or colour.

    Raises InputFileError where it holds no image or is damaged.
    """
    image, note = _described(path)
    *counting, ny, nx = image.shape
    count = int(np.prod(counting, dtype=np.int64))
    dtype = frame_dtype(image.dtype, where=str(path))
    per_block = max(1, _BLOCK_BYTES // (ny * nx * dtype.itemsize)) if image.paged else count

    def load(first: int, last: int) -> Array:
        return _pages(path, image, first, last)

    reader = BlockReader(
        [min(per_block, count - first) for first in range(0, count, per_block)], load
    )
    return FrameFile(
        path=path,
        count=count,
        shape=(ny, nx),
        dtype=dtype,
        read=lambda index: as_frame(reader.read(index), dtype),
        pixel_size_m=image.pixel_size_m,
        note=note,
        began=image.acquired.began,
        times_s=image.acquired.times_s(count),
        stage_at=image.acquired.stage_at,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Series:
    """One series of a TIFF; `paged` says that every page is one frame, to be read by itself."""

    position: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    pixel_size_m: tuple[float, float] | None
    acquired: Acquired
    paged: bool


def _described(path: Path) -> tuple[_Series, str | None]:
    lazy = path.stat().st_size > _EAGER_BYTES
    images, note = find_images(path, lazy=lazy)
    position, pixel_size_m = images[0].position, images[0].pixel_size_m
    acquired = images[0].acquired
    shape, dtype = images[0].values.shape, np.dtype(images[0].values.dtype)
    del images
    import tifffile  # after the describing reader, whose refusal says it when tifffile is missing

    with quiet():
        if lazy:
            gc.collect()  # which closes the lazy reader's file, quietly
        with tifffile.TiffFile(path) as tiff:
            paged = len(tiff.series[position].pages) == int(np.prod(shape[:-2], dtype=np.int64))
    series = _Series(
        position=position,
        shape=shape,
        dtype=dtype,
        pixel_size_m=pixel_size_m,
        acquired=acquired,
        paged=paged,
    )
    return series, note


def _pages(path: Path, image: _Series, first: int, last: int) -> Array:
    """Read frames `first` to `last - 1`: `(n, ny, nx)`, or `(n, ny, nx, channels)` in colour."""
    import tifffile

    with quiet(), tifffile.TiffFile(path) as tiff:
        pages = slice(first, last) if image.paged else None
        values = np.asarray(tiff.asarray(key=pages, series=image.position))
    channels = values.size // ((last - first) * image.shape[-2] * image.shape[-1])
    colour = (channels,) if channels > 1 else ()
    return values.reshape((last - first, *image.shape[-2:], *colour))
