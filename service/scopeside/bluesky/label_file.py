"""Label maps and figures of a run in one HDF5 file, to which Bluesky's documents point."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from scopeside.bluesky.figures import Wanted
from scopeside.client import Result
from scopeside.errors import OutputError, ServiceError

LABELS = "labels"
GZIP_LEVEL = 1
"""Label maps shrink a hundredfold at the lowest level already."""


class LabelFile:
    """One row a result: `labels` (N, ny, nx), one dataset for each figure, and `series`.

    OutputError where the file cannot be written.
    """

    def __init__(self, path: Path, shape: tuple[int, int], wanted: Wanted) -> None:
        self.path = path
        self._shape = shape
        self._wanted = wanted
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = h5py.File(path, "x")
        except OSError as error:
            raise OutputError(f"Label maps cannot be written to {path}: {error}.") from error
        self._add(LABELS, shape, "<u2", chunks=(1, *shape), compression="gzip", level=GZIP_LEVEL)
        for key, figure_shape, dtype in wanted.shapes():
            self._add(key, figure_shape, dtype, chunks=(64, *figure_shape))
        self._add("series", (), h5py.string_dtype(), chunks=(64,))

    def append(self, result: Result) -> None:
        """Write one result; ServiceError for one of another shape than the file's."""
        if result.labels_YX.shape != self._shape:
            raise ServiceError(
                f"Frame {result.frame} of series {result.series} has the shape "
                f"{result.labels_YX.shape}, and {self.path} was begun for {self._shape}: give the "
                "detector the shape of the frames."
            )
        rows = {LABELS: result.labels_YX, "series": result.series, **self._wanted.of(result)}
        try:
            for key, value in rows.items():
                dataset = self._file[key]
                dataset.resize(len(dataset) + 1, axis=0)
                dataset[-1] = value
            self._file.flush()
        except OSError as error:
            raise OutputError(f"Label maps cannot be written to {self.path}: {error}.") from error

    def close(self) -> None:
        """Close the file; doing so twice is harmless."""
        self._file.close()

    def _add(
        self,
        key: str,
        shape: tuple[int, ...],
        dtype: Any,
        *,
        chunks: tuple[int, ...],
        compression: str | None = None,
        level: int | None = None,
    ) -> None:
        self._file.create_dataset(
            key,
            shape=(0, *shape),
            maxshape=(None, *shape),
            dtype=dtype if isinstance(dtype, np.dtype) else np.dtype(dtype),
            chunks=chunks,
            compression=compression,
            compression_opts=level,
        )
