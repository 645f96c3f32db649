"""A lab's own unlabelled micrographs as specimens to train on.

What the frames show is not known, so their specimens have no layout: all that is asked is that
a place looks alike in every exposure, and unlike the mean of its frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from scopeside.errors import InputFileError
from scopeside.io import open_frames
from scopeside.io.open import readable
from scopeside.messages import Array
from scopeside.pretraining.specimens import MARGIN_PX, Specimen
from scopeside.stages.embed.simulated import normalised

FLOOR = 0.08
"""Added to a normalised frame, so that its darkest pixels still receive electrons."""


class Archive:
    """Files, and folders with all below them, of micrographs; frames are read when drawn.

    It keeps where the frames are and no open file, so that it can be handed to another process
    and an archive of any size takes no memory.

    Raises InputFileError where a path is absent, a folder holds nothing readable, or every
    frame is smaller than training needs.
    """

    def __init__(self, paths: Sequence[Path], *, frame_px: int) -> None:
        self._side_px = frame_px + 2 * MARGIN_PX
        files = [open_frames(file) for path in paths for file in _files(path)]
        self._frames = [
            (file.path, number)
            for file in files
            if min(file.shape) >= self._side_px
            for number in range(len(file))
        ]
        if not self._frames:
            largest = max(files, key=lambda file: min(file.shape))
            raise InputFileError(
                f"No micrograph to train on has {self._side_px} x {self._side_px} pixels or more;"
                f" the largest, {largest.path}, has {largest.shape[0]} x {largest.shape[1]}."
            )

    def __len__(self) -> int:
        return len(self._frames)

    def specimen(self, random: np.random.Generator) -> Specimen:
        """Return a random part of a random frame, turned and mirrored at random."""
        path, number = self._frames[int(random.integers(len(self._frames)))]
        image_YX = normalised(_finite(open_frames(path).frame(number)))
        side_px = self._side_px
        top, left = (int(random.integers(length - side_px + 1)) for length in image_YX.shape)
        part_YX = image_YX[top : top + side_px, left : left + side_px]
        part_YX = np.rot90(part_YX, int(random.integers(4)))
        if random.random() < 0.5:
            part_YX = part_YX[:, ::-1]
        bright_YX = np.ascontiguousarray(part_YX) + np.float32(FLOOR)
        return Specimen(bright_YX=bright_YX / bright_YX.mean(), layout_YX=None)


def _finite(image_YX: Array) -> Array:
    """Return the frame with the median of its finite pixels in place of all others."""
    finite_YX = np.isfinite(image_YX)
    if finite_YX.all() or not finite_YX.any():  # a frame of no number at all is made flat later
        return image_YX
    return np.where(finite_YX, image_YX, np.median(image_YX[finite_YX]))


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.rglob("*") if file.is_file() and readable(file))
    if not found:
        raise InputFileError(f"{path} holds no file of micrographs that can be read.")
    return found
