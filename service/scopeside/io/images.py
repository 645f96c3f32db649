"""Plain image files, NumPy arrays, and folders of either.

Shapes: Y, X pixels; N frames; C colour channels.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from scopeside.errors import InputFileError, MissingExtraError
from scopeside.io.framefile import FrameFile, first_line
from scopeside.io.pixels import as_frame, frame_dtype
from scopeside.messages import Array

# Values of Pillow's modes that are not 8 bits each.
_MODE_DTYPES = {"I;16": "<u2", "I;16L": "<u2", "I;16B": ">u2", "I;16N": "=u2", "I": "i4", "F": "f4"}

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".pgm"})


def open_image(path: Path) -> FrameFile:
    """Open a PNG, JPEG or other plain image; several pictures in one file are several frames."""
    try:
        from PIL import Image, UnidentifiedImageError
    except ModuleNotFoundError:
        raise MissingExtraError(
            f"Reading {path} needs the Python package 'pillow', which is not installed: "
            "run `pip install 'scopeside[cpu]'`."
        ) from None

    def read(index: int) -> Array:
        with Image.open(path) as image:
            image.seek(index)
            if image.mode in ("P", "PA", "CMYK", "YCbCr", "LAB", "HSV"):
                return np.asarray(image.convert("RGB"))
            return np.asarray(image)

    try:
        with Image.open(path) as image:
            count = int(getattr(image, "n_frames", 1))
            ny, nx = image.height, image.width
            dtype = np.dtype(_MODE_DTYPES.get(image.mode, "u1"))
    except UnidentifiedImageError:
        raise InputFileError(
            f"{path} is not an image, whatever its name says: check the file."
        ) from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputFileError(
            f"{path} cannot be read as an image ({first_line(error)}): "
            "the file is damaged or cut short."
        ) from error
    return FrameFile(
        path=path,
        count=count,
        shape=(ny, nx),
        dtype=dtype,
        read=lambda index: as_frame(read(index), dtype),
    )


def open_npy(path: Path) -> FrameFile:
    """Open a `.npy` file of `(ny, nx)`, `(n, ny, nx)` or colour `(.., ny, nx, 3 or 4)` values.

    The file is mapped, so only frames that are read cost memory. Pickled objects are refused.
    """
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputFileError(
            f"{path} cannot be read as a NumPy array ({first_line(error)}): "
            "save it again with numpy.save."
        ) from error
    if not isinstance(values, np.ndarray):
        raise InputFileError(f"{path} is an archive of arrays: save one array with numpy.save.")
    return array_frames(path, values)


def array_frames(path: Path, values: Array) -> FrameFile:
    """See an array in memory (or a mapped one) as frames.

    Raises InputFileError where its dimensions or values cannot be frames.
    """
    dtype = frame_dtype(values.dtype, where=str(path))
    # A last axis of 3 or 4 is colour, unless the whole array is so small that it may be columns.
    colour = values.ndim >= 3 and values.shape[-1] in (3, 4) and min(values.shape[-3:-1]) >= 8
    image_dims = 3 if colour else 2
    if values.ndim not in (image_dims, image_dims + 1) or 0 in values.shape:
        raise InputFileError(
            f"{path} holds an array of shape {values.shape}: frames need (ny, nx) or (n, ny, nx)."
        )
    frames = values.reshape((-1, *values.shape[-image_dims:]))
    ny, nx = frames.shape[1:3]
    return FrameFile(
        path=path,
        count=len(frames),
        shape=(ny, nx),
        dtype=dtype,
        read=lambda index: as_frame(frames[index], dtype),
    )


def open_folder(path: Path, open_file: Callable[[Path], FrameFile]) -> FrameFile:
    """Open every readable file of a folder, in natural order (`frame_2` before `frame_10`).

    Files with an ending that `open_file` has no reader for are passed over; frames of a folder
    may differ in shape. Raises InputFileError for a folder without frames.
    """
    from scopeside.io.open import readable

    members = [
        open_file(member)
        for member in sorted(path.iterdir(), key=_natural)
        if member.is_file() and not member.name.startswith(".") and readable(member)
    ]
    if not members:
        raise InputFileError(f"The folder {path} holds no image file: name a folder of frames.")
    ends = np.cumsum([len(member) for member in members])

    def locate(index: int) -> tuple[int, int]:
        member = int(np.searchsorted(ends, index, side="right"))
        first = int(ends[member - 1]) if member else 0
        return member, index - first

    def stage_at(index: int) -> Mapping[str, float] | None:
        member, inside = locate(index)
        return members[member].stage_at(inside)

    def read(index: int) -> Array:
        member, inside = locate(index)
        return members[member].frame(inside)

    return FrameFile(
        path=path,
        count=int(ends[-1]),
        shape=members[0].shape,
        dtype=members[0].dtype,
        read=read,
        pixel_size_m=members[0].pixel_size_m,
        note=f"{len(members)} files" if len(members) > 1 else members[0].note,
        began=members[0].began,
        times_s=_times_s(members),
        stage_at=stage_at,
    )


def _times_s(members: Sequence[FrameFile]) -> tuple[float, ...] | None:
    """Return when the frames of files of one frame each were taken, after the first.

    None where a file does not say, or where they are not in order of time, or all of one moment
    (some programs write that of the session).
    """
    if len(members) == 1:
        times_s = members[0].times_s
        return None if times_s is None else tuple(times_s)
    begun = [member.began for member in members]
    if any(len(member) != 1 for member in members) or None in begun:
        return None
    moments_s = [datetime.fromisoformat(str(began)).timestamp() for began in begun]
    if moments_s != sorted(moments_s) or moments_s[-1] <= moments_s[0]:
        return None
    return tuple(moment_s - moments_s[0] for moment_s in moments_s)


def _natural(path: Path) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", path.name.lower())
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts if part]
