"""Microscope formats through RosettaSciIO: which data set, which axes, which calibration.

Shapes: Y, X pixels; leading axes of a data set (time, tilt, scan position) count frames.
"""

from __future__ import annotations

import gc
import importlib
import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scopeside.errors import FatalError, InputFileError, MissingExtraError
from scopeside.io.acquired import Acquired, acquired_of
from scopeside.io.framefile import BlockReader, FrameFile, first_line
from scopeside.io.pixels import as_frame, frame_dtype
from scopeside.io.quiet import quiet
from scopeside.messages import Array

_METRES = {
    "m": 1.0,
    "cm": 1e-2,
    "mm": 1e-3,
    "um": 1e-6,
    "µm": 1e-6,
    "μm": 1e-6,
    "micron": 1e-6,
    "nm": 1e-9,
    "n_m": 1e-9,
    "a": 1e-10,
    "å": 1e-10,
    "angstrom": 1e-10,
    "pm": 1e-12,
}
# Finer than any lens and coarser than any field of view: a calibration beyond is a misread one.
_PIXEL_SIZE_M = (1e-13, 1e-3)

# What `select_type` is called where skipping the spectra saves much time.
_IMAGES_ONLY = {"Bruker": "image", "EMD": "images"}

_MRC_MAGIC = (208, b"MAP ")  # offset and value, in the header of every MRC2014 file

"""Loggers of the readers, which write to stderr where nobody set logging up."""

_ENERGY_UNITS = frozenset({"ev", "kev"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSet:
    """One image or stack of a file, as its reader describes it.

    `position` counts the file's data sets; `image_axes` are the array axes of y and x.
    `values` may be lazy (dask).
    """

    values: Any
    position: int
    title: str
    image_axes: tuple[int, int]
    pixel_size_m: tuple[float, float] | None
    acquired: Acquired


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why a reader gave up; `module` is the Python module that it lacks, if that is why."""

    reason: str
    module: str | None

    @staticmethod
    def of(error: Exception) -> _Refusal:
        if not isinstance(error, ModuleNotFoundError):
            # tifffile reports a codec that it lacks as a ValueError.
            lacking = re.search(r"requires the '([\w.-]+)' package", str(error))
            return _Refusal(first_line(error), lacking[1] if lacking else None)
        quoted = re.search(r"'([\w.-]+)'", str(error))
        return _Refusal(first_line(error), error.name or (quoted[1] if quoted else "its own"))


def plugins_for(path: Path) -> list[Mapping[str, Any]]:
    """Return RosettaSciIO's readers for the ending of `path`, and MRC for maps that are MRC.

    Raises MissingExtraError where RosettaSciIO is not installed.
    """
    with quiet():
        try:
            from rsciio import IO_PLUGINS
        except ModuleNotFoundError:
            raise MissingExtraError(
                f"Reading {path} needs the Python package 'rosettasciio', which is not "
                "installed: run `pip install 'scopeside[cpu]'`."
            ) from None
    ending = path.suffix.lstrip(".").lower()
    found = [plugin for plugin in IO_PLUGINS if ending in plugin["file_extensions"]]
    if ending in ("map", "ccp4") and _has_magic(path, *_MRC_MAGIC):
        found = [plugin for plugin in IO_PLUGINS if plugin["name"] == "MRC"]
    # Plain numbers as images or text are not frames of a microscope, and would accept anything.
    return [plugin for plugin in found if plugin["name"] not in ("Image", "ImpulseCSV")]


def open_with_rosetta(path: Path) -> FrameFile:
    """Open the first image or stack of images that RosettaSciIO finds in a file.

    Raises InputFileError where no reader finds an image, MissingExtraError where a reader
    needs a package that is not installed.
    """
    images, note = find_images(path)
    chosen = images[0]
    dtype = frame_dtype(np.dtype(chosen.values.dtype), where=str(path))
    stack = np.moveaxis(chosen.values, chosen.image_axes, (-2, -1))
    ny, nx = (int(size) for size in stack.shape[-2:])
    frames_NYX = stack.reshape((-1, ny, nx))
    chunks = getattr(frames_NYX, "chunks", None)

    def load(first: int, last: int) -> Array:
        with quiet():
            return np.asarray(frames_NYX[first:last])

    count = int(frames_NYX.shape[0])
    reader = BlockReader(chunks[0] if chunks is not None else (count,), load)
    return FrameFile(
        path=path,
        count=count,
        shape=(ny, nx),
        dtype=dtype,
        read=lambda index: as_frame(reader.read(index), dtype),
        pixel_size_m=chosen.pixel_size_m,
        note=note,
        began=chosen.acquired.began,
        times_s=chosen.acquired.times_s(count),
        stage_at=chosen.acquired.stage_at,
    )


def find_images(path: Path, *, lazy: bool = True) -> tuple[list[ImageSet], str | None]:
    """Return the images of a file (at least one), and a note where there is a choice of data.

    Raises as `open_with_rosetta`.
    """
    refusals: list[_Refusal] = []
    others: list[str] = []
    for plugin in plugins_for(path):
        found = _data_sets(path, plugin, lazy=lazy)
        if isinstance(found, _Refusal):
            refusals.append(found)
            continue
        images = []
        for position, data_set in enumerate(found):
            image = _as_images(data_set, position)
            if image is None:
                others.append(_described(data_set))
            else:
                images.append(image)
        if images:
            left = [*(f"image '{image.title}'" for image in images[1:]), *others]
            note = f"took image '{images[0].title}', left {', '.join(left)}" if left else None
            return images, note
    raise _refusal(path, refusals, others)


def _data_sets(
    path: Path, plugin: Mapping[str, Any], *, lazy: bool
) -> Sequence[Mapping[str, Any]] | _Refusal:
    with quiet():
        try:
            return _read(path, plugin, lazy=lazy)
        except Exception as error:  # noqa: BLE001  third-party readers raise anything at all on
            # damaged input; the refusal is reported unless another reader succeeds.
            refusal = _Refusal.of(error)
            began = not isinstance(error, ModuleNotFoundError)
        if began:
            # A reader that failed leaves its file open until it is collected; here that is quiet.
            gc.collect()
    return refusal


def _read(path: Path, plugin: Mapping[str, Any], *, lazy: bool) -> list[Mapping[str, Any]]:
    reader = importlib.import_module(plugin["api"]).file_reader
    accepted = inspect.signature(reader).parameters
    options: dict[str, Any] = {}
    if "select_type" in accepted and plugin["name"] in _IMAGES_ONLY:
        options["select_type"] = _IMAGES_ONLY[plugin["name"]]
    if lazy and "lazy" in accepted:
        try:
            return list(reader(str(path), lazy=True, **options))
        except NotImplementedError:
            return list(reader(str(path), **options))
    return list(reader(str(path), **options))


def _as_images(data_set: Mapping[str, Any], position: int) -> ImageSet | None:
    values = data_set["data"]
    axes = _axes_in_array_order(data_set)
    if len(axes) != values.ndim or 0 in values.shape or _is_spectral(data_set, axes):
        return None
    marked = [index for index, axis in enumerate(axes) if axis.get("navigate") is False]
    if len(marked) == 2:
        image_axes = (marked[0], marked[1])
    elif values.ndim == 2:
        # Some readers mark nothing, or take both axes of an image for scan positions.
        image_axes = (0, 1)
    else:
        return None
    y_m, x_m = (_step_m(axes[index]) for index in image_axes)
    return ImageSet(
        values=values,
        position=position,
        title=str(data_set.get("metadata", {}).get("General", {}).get("title") or ""),
        image_axes=image_axes,
        pixel_size_m=None if y_m is None or x_m is None else (y_m, x_m),
        acquired=acquired_of(
            data_set, [axis for index, axis in enumerate(axes) if index not in image_axes]
        ),
    )


def _axes_in_array_order(data_set: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    axes = list(data_set["axes"])
    if all("index_in_array" in axis for axis in axes):
        axes.sort(key=lambda axis: int(axis["index_in_array"]))
    return axes


def _is_spectral(data_set: Mapping[str, Any], axes: Sequence[Mapping[str, Any]]) -> bool:
    """Whether an axis is energy and the signal is a spectrum: not images of a specimen."""
    kind = str(data_set.get("metadata", {}).get("Signal", {}).get("signal_type") or "")
    energy = any(str(axis.get("units") or "").lower() in _ENERGY_UNITS for axis in axes)
    return energy and kind.startswith(("EELS", "EDS", "CL"))


def _step_m(axis: Mapping[str, Any]) -> float | None:
    step_m = float(axis.get("scale") or 0.0) * _METRES.get(
        str(axis.get("units") or "").strip().lower(), 0.0
    )
    return step_m if _PIXEL_SIZE_M[0] <= step_m <= _PIXEL_SIZE_M[1] else None


def _described(data_set: Mapping[str, Any]) -> str:
    metadata = data_set.get("metadata", {})
    kind = metadata.get("Signal", {}).get("signal_type") or ""
    what = f"{kind} spectra" if kind else "data without an image"
    return f"{what} of shape {tuple(int(size) for size in data_set['data'].shape)}"


def _refusal(path: Path, refusals: Sequence[_Refusal], others: Sequence[str]) -> FatalError:
    if others:
        return InputFileError(
            f"{path} holds no image, only {', '.join(others)}: name a file with images in it."
        )
    failed = [refusal for refusal in refusals if refusal.module is None]
    if refusals and not failed:
        return MissingExtraError(
            f"Reading {path} needs the Python module '{refusals[0].module}', which is not "
            "installed: install it and try again."
        )
    reason = f" ({failed[0].reason})" if failed and str(path) not in failed[0].reason else ""
    return InputFileError(
        f"{path} cannot be read as frames{reason}: the file is damaged or of another format."
    )


def _has_magic(path: Path, offset: int, magic: bytes) -> bool:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(len(magic)) == magic
