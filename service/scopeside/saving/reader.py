"""Reads a saved run, also one that is being written or whose writer was killed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scopeside.errors import InputFileError, MissingExtraError
from scopeside.messages import Array
from scopeside.saving.layout import (
    CONFIDENCE_PATH,
    FORMAT,
    FRAMES,
    KEY,
    LABELS_PATH,
    ROWS,
    VERSION,
)
from scopeside.saving.row import lacking

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunImage:
    """One series at one shape; arrays (t, y, x) are read when they are indexed, up to `length`.

    `frames` is None where they were not saved.
    """

    path: Path
    series: str
    length: int
    shape: tuple[int, int]
    labels: Any
    confidence: Any
    frames: Any | None
    provenance: tuple[Mapping[str, Any], ...]
    lacking: dict[int, str] = field(default_factory=dict)
    """By index, the key that the line of a frame lacks: found by `rows`, which leaves it out."""

    def rows(self) -> Iterator[Row]:
        """Yield what every frame's result said beside the arrays, in order.

        A line without what every result says is left out, and noted in `lacking`. Raises
        InputFileError for a line that is damaged, or absent where there is a frame.
        """
        file = self.path / ROWS
        try:
            with file.open(encoding="utf-8") as lines:
                for index in range(self.length):
                    row = json.loads(next(lines, "null"))
                    if row is None:
                        raise ValueError(f"{self.length} frames have {index} lines")
                    if row.get("index", index) != index:
                        raise ValueError(f"line {index + 1} is that of frame {row['index']}")
                    if (key := lacking(row)) is None:
                        yield row
                    else:
                        self.lacking[index] = key
        except (OSError, ValueError, AttributeError) as error:
            raise InputFileError(f"{file} cannot be read: {error}.") from error

    def colors(self) -> Mapping[int, tuple[int, int, int]]:
        """Return the colour of every community that the image's labels hold."""
        labels = self.path / "labels" / "communities"
        with damage_told(labels):
            return {
                int(entry["label-value"]): tuple(entry["rgba"][:3])
                for entry in _attrs(labels)["image-label"]["colors"]
            }

    def image_YX(self, index: int) -> Array | None:
        """Return a frame, or None where it was not saved."""
        if self.frames is None or index >= self.frames.shape[0]:
            return None
        frame_YX: Array = self.frames[index]
        return frame_YX


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """A saved run; `closed` says that its writer came to the end, `ended` why it did not."""

    path: Path
    closed: bool
    ended: str | None
    not_saved: int
    software: str
    source: str
    images: tuple[RunImage, ...]

    @property
    def end(self) -> str:
        """How it ended, in words."""
        if self.closed:
            return "closed"
        if self.ended is not None:
            return f"not closed: {self.ended}"
        return "not closed: being written, or its writer was killed"


def open_run(path: Path) -> Run:
    """Open a run; InputFileError for what is none, is damaged, or of a version not known here.

    What is written after this moment is not seen.
    """
    try:
        import zarr
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"Reading {path} needs the Python package '{error.name}', which is not installed: "
            "run `pip install 'scopeside[save]'`."
        ) from error
    ours = _attrs(path).get(KEY)
    if not isinstance(ours, dict) or ours.get("format") != FORMAT:
        raise InputFileError(
            f"{path} is no run that `scopeside save` or `serve --save` has written."
        )
    if ours.get("version") != VERSION:
        raise InputFileError(
            f"{path} is a run of version {ours.get('version')}; this program reads {VERSION}."
        )
    with damage_told(path):
        root = zarr.open_group(str(path), mode="r")
        names = sorted((one.name for one in path.iterdir() if one.name.isdigit()), key=int)
        # A writer that was killed may have begun an image that has nothing yet, not even
        # attributes.
        begun = [name for name in names if f"{name}/{LABELS_PATH}" in root]
        images = [
            _image(root, path / name) for name in begun if root[f"{name}/{LABELS_PATH}"].shape[0]
        ]
        return Run(
            path=path,
            closed=bool(ours["closed"]),
            ended=None if ours.get("ended") is None else str(ours["ended"]),
            not_saved=int(ours["not_saved"]),
            software=str(ours["software"]),
            source=str(ours["source"]),
            images=tuple(images),
        )


@contextmanager
def damage_told(path: Path) -> Iterator[None]:
    """Turn what zarr says of metadata or a chunk that is damaged, or gone, into one sentence."""
    from zarr.errors import MetadataError

    try:
        yield
    except (MetadataError, OSError, ValueError, LookupError, TypeError, RuntimeError) as error:
        raise InputFileError(
            f"{path} is damaged ({type(error).__name__}: {error}): take it from a copy, or open"
            " with zarr what is whole of it (docs/saving.md)."
        ) from error


def _image(root: Any, path: Path) -> RunImage:
    group = root[path.name]
    labels = group[LABELS_PATH]
    about = _attrs(path).get(KEY, {})
    return RunImage(
        path=path,
        series=str(about.get("series", "")),
        length=int(labels.shape[0]),
        shape=(int(labels.shape[1]), int(labels.shape[2])),
        labels=labels,
        confidence=group[CONFIDENCE_PATH],
        frames=group.get(FRAMES),
        provenance=tuple(about.get("provenance", ())),
    )


def _attrs(group: Path) -> dict[str, Any]:
    file = group / ".zattrs"
    try:
        attrs = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputFileError(f"{file} cannot be read: {error}.") from error
    return attrs if isinstance(attrs, dict) else {}
