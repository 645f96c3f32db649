"""Writes frames as a stack that other programs read: TIFF, OME-Zarr, ZSPY or HSPY.

Beside it goes a JSON file with what does not fit into the format: each frame's number and times.
"""

from __future__ import annotations

import importlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scopeside.errors import InputFileError, MissingExtraError, OutputError
from scopeside.io.framefile import FrameFile
from scopeside.io.quiet import quiet
from scopeside.messages import Array

# Chunks of about this size: of small frames alone each would be a file of a kilobyte.
_CHUNK_BYTES = 2**20

# What ImageJ reads in its own dialect of TIFF, and up to which size; beyond, plain BigTIFF.
_IMAGEJ_KINDS = frozenset({"u1", "u2", "f4"})
_IMAGEJ_BYTES = 2**32 - 2**20


def export(file: FrameFile, out: Path, *, more: Mapping[str, Any] | None = None) -> None:
    """Write every frame of `file` to `out`, whose ending says the format; nothing is replaced.

    `more` goes into the JSON file. Raises OutputError for an ending that is no format, a path
    that exists or cannot be written, and InputFileError where frames differ in shape or kind.
    """
    write = _writer(out)
    beside = out.with_name(out.name + ".json")
    for path in (out, beside):
        if path.exists():
            raise OutputError(f"{path} exists already: an export never replaces a file.")
    try:
        with quiet():
            write(file, out)
        beside.write_text(
            json.dumps(_described(file) | dict(more or {}), indent=1) + "\n", encoding="utf-8"
        )
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"Writing {out} needs the Python package '{error.name}', which is not installed: "
            "run `pip install 'scopeside[cpu]'`."
        ) from error
    except OSError as error:
        _remove(out)
        raise OutputError(
            f"{out} cannot be written ({error.strerror or error}): name a file in a folder that "
            "exists, on a disk with room."
        ) from error
    except BaseException:
        _remove(out)
        raise


Writer = Callable[[FrameFile, Path], None]


def _writer(out: Path) -> Writer:
    name = out.name.lower()
    for ending, write in WRITERS.items():
        if name.endswith(ending):
            return write
    raise OutputError(f"{out} has no ending that names a format: use {', '.join(WRITERS)}.")


def _write_tiff(file: FrameFile, out: Path) -> None:
    import tifffile

    imagej = file.dtype.str[1:] in _IMAGEJ_KINDS and len(file) * _frame_bytes(file) < _IMAGEJ_BYTES
    metadata: dict[str, Any] = {"axes": "TYX"}
    options: dict[str, Any] = {"imagej": True} if imagej else {"bigtiff": True}
    if imagej and (period_s := _period_s(file)) is not None:
        metadata["finterval"] = period_s
    if file.pixel_size_m is not None:
        y_m, x_m = file.pixel_size_m
        # Pixels a micrometre in ImageJ's dialect, pixels a centimetre in plain TIFF.
        unit_m = 1e-6 if imagej else 1e-2
        options["resolution"] = (unit_m / x_m, unit_m / y_m)
        if imagej:
            metadata["unit"] = "micron"
        else:
            options["resolutionunit"] = "CENTIMETER"
    tifffile.imwrite(
        out,
        _frames(file),
        shape=(len(file), *file.shape),
        dtype=file.dtype,
        metadata=metadata,
        photometric="minisblack",
        **options,
    )


def _write_ome_zarr(file: FrameFile, out: Path) -> None:
    """OME-NGFF 0.4: one resolution, axes t, y, x."""
    import zarr

    group = zarr.open_group(str(out), mode="w-")
    array = group.create_dataset(
        "0",
        shape=(len(file), *file.shape),
        chunks=(_frames_per_chunk(file), *file.shape),
        dtype=file.dtype,
        dimension_separator="/",
    )
    stack, step = _Stack(file), _frames_per_chunk(file)
    for first in range(0, len(file), step):
        array[first : first + step] = stack[first : first + step, :, :]
    axes: list[dict[str, str]] = [
        {"name": "t", "type": "time", "unit": "second"},
        {"name": "y", "type": "space"},
        {"name": "x", "type": "space"},
    ]
    y_m, x_m = file.pixel_size_m or (1.0, 1.0)
    if file.pixel_size_m is not None:
        for axis in axes[1:]:
            axis["unit"] = "meter"
    scale = [_period_s(file) or 1.0, y_m, x_m]
    group.attrs["multiscales"] = [
        {
            "version": "0.4",
            "name": file.name,
            "axes": axes,
            "datasets": [
                {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
            ],
        }
    ]


def _write_hyperspy(file: FrameFile, out: Path) -> None:
    """ZSPY and HSPY, by RosettaSciIO; frames are read when their chunk is written."""
    import dask.array

    writer = importlib.import_module(f"rsciio.{out.suffix[1:].lower()}").file_writer
    chunks = (_frames_per_chunk(file), *file.shape)
    meta = np.empty((0, 0, 0), file.dtype)
    data = dask.array.from_array(  # type: ignore[no-untyped-call]
        _Stack(file), chunks=chunks, name=False, meta=meta
    )
    began = file.began or ""
    signal = {
        "data": data,
        "axes": _hyperspy_axes(file),
        "metadata": {
            "General": {"title": file.name, "date": began[:10], "time": began[11:19]},
            "Signal": {"signal_type": ""},
        },
        "original_metadata": {},
        "attributes": {"_lazy": True, "ragged": False},
        "tmp_parameters": {},
        "learning_results": {},
        "models": {},
        "package": "scopeside",
        "package_info": {},
    }
    writer(str(out), signal, show_progressbar=False)


def _hyperspy_axes(file: FrameFile) -> list[dict[str, Any]]:
    y_m, x_m = file.pixel_size_m or (1.0, 1.0)
    unit = "m" if file.pixel_size_m is not None else ""
    period_s = _period_s(file)
    scales = ((period_s or 1.0, "s" if period_s else ""), (y_m, unit), (x_m, unit))
    sizes = (len(file), *file.shape)
    return [
        {
            "_type": "UniformDataAxis",
            "name": name,
            "units": units,
            "scale": scale,
            "offset": 0.0,
            "size": size,
            "navigate": name == "time",
            "is_binned": False,
            "index_in_array": index,
        }
        for index, (name, (scale, units), size) in enumerate(
            zip(("time", "y", "x"), scales, sizes, strict=True)
        )
    ]


class _Stack:
    """A file of frames as the array that dask slices."""

    ndim = 3

    def __init__(self, file: FrameFile) -> None:
        self._file = file
        self.shape = (len(file), *file.shape)
        self.dtype = file.dtype

    def __getitem__(self, slices: tuple[slice, slice, slice]) -> Array:
        frames = range(self.shape[0])[slices[0]]
        return np.stack([_like_first(self._file, index)[slices[1:]] for index in frames])


WRITERS: Mapping[str, Writer] = {
    ".tif": _write_tiff,
    ".tiff": _write_tiff,
    ".ome.zarr": _write_ome_zarr,
    ".zspy": _write_hyperspy,
    ".hspy": _write_hyperspy,
}


def _frames(file: FrameFile) -> Iterator[Array]:
    for index in range(len(file)):
        yield _like_first(file, index)


def _like_first(file: FrameFile, index: int) -> Array:
    frame = file.frame(index)
    if frame.shape != file.shape or frame.dtype != file.dtype:
        raise InputFileError(
            f"Frame {index} of {file.path} is {frame.shape[0]}x{frame.shape[1]} {frame.dtype}, and "
            f"the first is {file.shape[0]}x{file.shape[1]} {file.dtype}: a stack needs frames of "
            "one kind, so cut the recording first."
        )
    return frame


def _period_s(file: FrameFile) -> float | None:
    times_s = file.times_s
    if times_s is None or len(times_s) < 2 or times_s[-1] <= times_s[0]:
        return None
    return float((times_s[-1] - times_s[0]) / (len(times_s) - 1))


def _frames_per_chunk(file: FrameFile) -> int:
    return max(1, _CHUNK_BYTES // _frame_bytes(file))


def _frame_bytes(file: FrameFile) -> int:
    return file.shape[0] * file.shape[1] * file.dtype.itemsize


def _described(file: FrameFile) -> dict[str, Any]:
    return {
        "source": file.path.name,
        "shape": [len(file), *file.shape],
        "dtype": file.dtype.str,
        "pixel_size_m": file.pixel_size_m,
        "began": file.began,
        "times_s": None if file.times_s is None else list(file.times_s),
    }


def _remove(out: Path) -> None:
    """Take away what an export that failed has written."""
    if out.is_dir():
        shutil.rmtree(out, ignore_errors=True)
    else:
        out.unlink(missing_ok=True)
