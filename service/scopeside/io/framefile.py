"""A file (or folder) seen as a sequence of two-dimensional frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scopeside.errors import FatalError, InputFileError
from scopeside.messages import Array


def _nowhere(_index: int) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFile:
    """Frames in order; `shape` and `dtype` are the first frame's, and only folders may vary them.

    Frames are `(ny, nx)`, origin top left, of a dtype that the wire carries. `pixel_size_m` is
    `(y, x)` where the file is calibrated in real space. `note` says which data set was taken
    where a file holds several.
    """

    path: Path
    count: int
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    read: Callable[[int], Array]
    """Reads one frame by index; reading in order is the cheap way."""
    pixel_size_m: tuple[float, float] | None = None
    note: str | None = None
    began: str | None = None
    """When the first frame was taken, ISO 8601, with an offset from UTC where that is known."""
    times_s: Sequence[float] | None = None
    """When each frame was taken, after the first; not all files say."""
    stage_at: Callable[[int], Mapping[str, float] | None] = _nowhere
    """Returns where the stage was at a frame, with the keys of the wire contract."""

    @property
    def name(self) -> str:
        """The file's name without its ending: a readable name for a series."""
        return self.path.stem if self.path.suffix else self.path.name

    def __len__(self) -> int:
        return self.count

    def frame(self, index: int) -> Array:
        """Return frame `index` (0 to `len - 1`).

        Raises InputFileError where the file breaks off or cannot be decoded there.
        """
        if not 0 <= index < self.count:
            raise IndexError(f"frame {index} of {self.count}")
        try:
            return self.read(index)
        except FatalError:
            raise
        except Exception as error:  # decoders raise types of their own on damaged bytes
            raise InputFileError(
                f"Frame {index} of {self.path} cannot be decoded ({first_line(error)}): "
                "the file is damaged or cut short."
            ) from error

    def frames(self) -> Iterator[Array]:
        """Yield every frame, each read when it is asked for. Raises as `frame`."""
        for index in range(self.count):
            yield self.frame(index)


class BlockReader:
    """Reads single frames from a source that is read in blocks, keeping the last block.

    A compressed stack decodes as a whole, and doing so anew for every frame would make
    reading quadratic. `sizes` are the blocks' frames; `load(first, last)` reads one block.
    """

    def __init__(self, sizes: Sequence[int], load: Callable[[int, int], Array]) -> None:
        self._ends = np.cumsum(sizes)
        self._load = load
        self._number = -1
        self._block: Array | None = None

    def read(self, index: int) -> Array:
        number = int(np.searchsorted(self._ends, index, side="right"))
        first = int(self._ends[number - 1]) if number else 0
        if self._block is None or self._number != number:
            # Released first, so that no two blocks are held at once.
            self._block = None
            self._block = self._load(first, int(self._ends[number]))
            self._number = number
        frame: Array = self._block[index - first]
        return frame


def first_line(error: BaseException) -> str:
    """Return what an exception says, on one line and without its final full stop."""
    lines = str(error).strip().splitlines()
    return (lines[0].rstrip(".") if lines else type(error).__name__)[:200]
