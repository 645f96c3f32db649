"""Open any file of micrographs as frames."""

from __future__ import annotations

from pathlib import Path

from scopeside.errors import InputFileError, MissingExtraError
from scopeside.io.framefile import FrameFile
from scopeside.io.images import IMAGE_SUFFIXES, open_folder, open_image, open_npy
from scopeside.io.recorded import open_recorded
from scopeside.io.rosetta import open_with_rosetta, plugins_for
from scopeside.io.tiff import TIFF_SUFFIXES, open_tiff
from scopeside.recording.readfile import is_recording


def open_frames(path: Path | str) -> FrameFile:
    """Open a file or folder of micrographs as a sequence of 2-D frames.

    Microscope formats (dm3, dm4, emd, mrc, ser, tif, hspy, bcf, mib ...) go through
    RosettaSciIO; plain images and `.npy` are read directly; of a recording the series with most
    frames; a folder is its files in natural order. Raises InputFileError, in one sentence, for
    what is missing, empty, damaged or no image, and MissingExtraError where a reader's package is
    not installed.
    """
    path = Path(path)
    if path.is_dir() and path.suffix.lower() != ".zspy":  # which is a folder by itself
        return open_folder(path, open_frames)
    try:
        empty = path.is_file() and path.stat().st_size == 0
        if path.is_file():
            path.open("rb").close()
        else:
            next(path.iterdir(), None)
    except OSError as error:
        raise InputFileError(
            f"{path} cannot be opened ({error.strerror or error}): check the path."
        ) from None
    if empty:
        raise InputFileError(f"{path} is empty: it holds no frame.")
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return open_npy(path)
    if suffix in IMAGE_SUFFIXES:
        return open_image(path)
    if suffix in TIFF_SUFFIXES:
        return open_tiff(path)
    if is_recording(path):
        return open_recorded(path)
    if not plugins_for(path):
        raise InputFileError(
            f"{path} has the ending '{suffix}', which no reader knows: "
            "use a microscope format, TIFF, MRC, PNG, JPEG or NPY."
        )
    return open_with_rosetta(path)


def readable(path: Path) -> bool:
    """Whether some reader knows the ending of `path`; the file is not opened for frames."""
    suffix = path.suffix.lower()
    if suffix == ".npy" or suffix in IMAGE_SUFFIXES:
        return True
    try:
        return bool(plugins_for(path))
    except MissingExtraError:
        return False
