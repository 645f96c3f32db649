"""Segment a file with the service's own pipeline, without sockets."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from scopeside import configuration
from scopeside.errors import ConfigError, DropError, InputFileError, OutputError

if TYPE_CHECKING:
    from scopeside.configuration import Configuration
    from scopeside.io import FrameFile
    from scopeside.messages import Provenance, Segmentation, UInt16
    from scopeside.ports import Segmenter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("input", type=Path, help="an image, a stack or a folder of images")
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="DIR", help="folder for the results"
    )
    parser.add_argument("--frames", type=int, metavar="N", help="stop after this many frames")
    parser.add_argument(
        "--opacity", type=float, default=0.4, help="of the colours in the overlays (default 0.4)"
    )
    configuration.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Write labels.tif, labels.npy, confidence.tif, overlay-NNNN.png, segmentation.json,
    descriptors.csv and fronts.csv."""
    from scopeside.assembly import assemble
    from scopeside.io import open_frames
    from scopeside.runtime.logs import configure_logging
    from scopeside.view.progress import progress

    if args.frames is not None and args.frames < 1:
        raise ConfigError("--frames must be 1 or more.")
    if not 0.0 <= args.opacity <= 1.0:
        raise ConfigError("--opacity must be from 0 to 1.")
    chosen = configuration.from_arguments(args)
    configure_logging(chosen.settings.log)
    frames = open_frames(args.input)
    count = len(frames) if args.frames is None else min(args.frames, len(frames))
    _make_folder(args.out)
    with progress("loading the encoder", total=None):
        pipeline = assemble(_expecting(chosen, frames.shape))
        pipeline.plan(frames.shape)
    try:
        with (
            _Written(args.out, count=count, opacity=args.opacity) as written,
            progress("segmenting", total=count) as advance,
        ):
            try:
                for segmentation in _segmented(pipeline, frames, count):
                    written.add(segmentation)
                    advance()
            finally:
                # What was done before Ctrl-C or an unreadable frame is worth its report.
                written.finish(pipeline.provenance, frames)
    except OSError as error:
        raise OutputError(
            f"Results cannot be written to {args.out}: {error.strerror or error}."
        ) from error
    written.say()
    return 0


def _expecting(chosen: Configuration, shape: tuple[int, int]) -> Configuration:
    """Prepare for frames of the file's shape, whatever the service would expect.

    The hash stays that of what was configured: which shape is expected changes no result.
    """
    service = chosen.settings.service.model_copy(update={"frame_shape": shape})
    return replace(chosen, settings=chosen.settings.model_copy(update={"service": service}))


def _segmented(pipeline: Segmenter, frames: FrameFile, count: int) -> Iterator[Segmentation]:
    from scopeside.assembly import still_frame

    for number, image_YX in enumerate(islice(frames.frames(), count)):
        frame = still_frame(
            image_YX, number=number, series=frames.name, pixel_size_m=frames.pixel_size_m
        )
        if frames.times_s is not None:
            frame = replace(frame, t_ns=round(1e9 * frames.times_s[number]))
        try:
            yield pipeline.segment(frame)
        except DropError as error:
            raise InputFileError(f"Frame {number} of {frames.path}: {error}") from error


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The folder {folder} cannot be made ({error.strerror}): choose another with -o."
        ) from None


class _Written:
    """The files of one run; stacks grow page by page, so a long series needs no memory."""

    def __init__(self, folder: Path, *, count: int, opacity: float) -> None:
        import tifffile

        from scopeside.commands.series_tables import SeriesTables

        self._folder = folder
        self._count = count
        self._opacity = opacity
        self._entries: list[dict[str, Any]] = []
        self._stack_TYX: Any = None
        with ExitStack() as opened:
            self._labels = opened.enter_context(tifffile.TiffWriter(folder / "labels.tif"))
            self._confidence = opened.enter_context(tifffile.TiffWriter(folder / "confidence.tif"))
            self._tables = SeriesTables(folder)
            opened.callback(self._tables.close)
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def add(self, segmentation: Segmentation) -> None:
        from scopeside.view.overlay import grey, overlay, save_png

        label_map = segmentation.label_map
        number = segmentation.frame.number
        # With tifffile's own metadata each page would be a series of its own, and readers
        # would see the first frame only.
        page: dict[str, Any] = {"contiguous": False, "compression": "zlib", "metadata": None}
        self._labels.write(label_map.labels_YX, **page)
        self._confidence.write(label_map.confidence_YX, **page)
        self._stack(label_map.labels_YX)
        colors = {one.identity.id: one.identity.color for one in segmentation.communities}
        picture = overlay(
            grey(segmentation.frame.image_YX),
            label_map.labels_YX,
            colors,
            opacity=self._opacity,
        )
        save_png(self._folder / f"overlay-{number:04d}.png", picture)
        self._tables.add(segmentation)
        self._entries.append(_entry(segmentation))

    def finish(self, provenance: Provenance, frames: FrameFile) -> None:
        self._opened.close()
        if self._stack_TYX is not None:
            self._stack_TYX.flush()
        report = {
            "input": str(frames.path),
            "note": frames.note,
            "pixel_size_m": frames.pixel_size_m,
            "provenance": _plain(provenance),
            "frames": self._entries,
        }
        path = self._folder / "segmentation.json"
        path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")

    def _stack(self, labels_YX: UInt16) -> None:
        """Put one label map into labels.npy; images of several sizes make no array."""
        from numpy.lib.format import open_memmap

        path = self._folder / "labels.npy"
        if not self._entries:
            shape = (self._count, *labels_YX.shape)
            self._stack_TYX = open_memmap(path, mode="w+", dtype=labels_YX.dtype, shape=shape)
            if hasattr(os, "posix_fallocate"):
                # The file is sparse so far: where the disk is too small for it, writing into it
                # would end the process with a signal and not with an error.
                with path.open("r+b") as file:
                    os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        if self._stack_TYX is None:
            return
        if self._stack_TYX.shape[1:] != labels_YX.shape:
            self._stack_TYX = None
            path.unlink()
            return
        self._stack_TYX[len(self._entries)] = labels_YX

    def say(self) -> None:
        last = self._entries[-1]
        shares = ", ".join(f"{one['id']}: {one['fraction']:.1%}" for one in last["communities"])
        sys.stdout.write(
            f"{len(self._entries)} frame(s) segmented; communities of the last one: {shares}\n"
            f"labels.tif, confidence.tif, overlay-*.png, segmentation.json, descriptors.csv and "
            f"fronts.csv are in {self._folder}\n"
        )


def _entry(segmentation: Segmentation) -> dict[str, Any]:
    return {
        "frame": segmentation.frame.number,
        "shape": list(segmentation.frame.shape),
        "grid": {
            "rows": segmentation.grid.rows,
            "cols": segmentation.grid.cols,
            "chip_px": segmentation.grid.chip_px,
            "stride_px": segmentation.grid.stride_px,
        },
        "graph": _plain(segmentation.graph),
        "communities": [_plain(one) for one in segmentation.communities],
        "fronts": [_plain(one) for one in segmentation.fronts],
        "quality": {
            "flat": segmentation.image.flat,
            "nonfinite_px": segmentation.image.nonfinite_px,
            "saturated_fraction": segmentation.image.saturated_fraction,
        },
        "stages_s": dict(segmentation.stages_s),
    }


def _plain(record: Any) -> dict[str, Any]:
    """A dataclass as a JSON map, a community's identity folded into it."""
    from dataclasses import asdict

    fields: dict[str, Any] = asdict(record)
    identity: dict[str, Any] = fields.pop("identity", {})
    return identity | fields
