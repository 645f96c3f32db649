"""Publish the frames of a recorded file."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from scopeside.client.publisher import sendable
from scopeside.commands.publishing import (
    Outcome,
    Prepared,
    add_publishing_arguments,
    conclude,
    default_series,
    open_publisher,
    say,
    send_frames,
    wait_for_receiver,
)
from scopeside.commands.stopping import stopping
from scopeside.errors import ConfigError
from scopeside.io import FrameFile, open_frames
from scopeside.messages import Array, Channel
from scopeside.testing.faults import Message
from scopeside.wire.native import encode_frame


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="a file of frames, or a folder of images")
    add_publishing_arguments(parser)
    parser.add_argument(
        "--loop",
        type=int,
        default=1,
        metavar="N",
        help="times to go through the file, as one series; 0 for ever (default: %(default)s)",
    )
    parser.add_argument("--frames", type=int, metavar="N", help="stop after so many frames")


def run(args: argparse.Namespace) -> int:
    if args.loop < 0 or (args.frames is not None and args.frames < 1):
        raise ConfigError("--loop must be 0 or more, and --frames 1 or more.")
    recording = open_frames(args.file)
    series = args.series or default_series(recording.name)
    ny, nx = recording.shape
    say(args, f"{args.file} holds {len(recording)} frames of {ny}x{nx} {recording.dtype}")
    if recording.note:
        say(args, recording.note)
    with stopping() as stopped, open_publisher(args) as publisher:
        if not wait_for_receiver(publisher, args, stopped):
            return conclude(args, series, Outcome(stopped=True))
        publisher.start(series, pixel_size_m=recording.pixel_size_m)
        outcome = send_frames(
            publisher,
            args,
            stopped,
            total=_total(args, recording),
            prepare=partial(_prepare, recording, series),
        )
    outcome.extra["file"] = str(args.file)
    return conclude(args, series, outcome)


def _total(args: argparse.Namespace, recording: FrameFile) -> int | None:
    """Frames to send: the loops through the file, cut at `--frames`; None for ever."""
    looped: int | None = args.loop * len(recording) or None
    wanted: int | None = args.frames
    if wanted is None or looped is None:
        return wanted or looped
    return min(wanted, looped)


def _prepare(recording: FrameFile, series: str, number: int) -> Prepared:
    index = number % len(recording)
    return partial(_message, recording, series, number, index, recording.frame(index))


def _message(
    recording: FrameFile, series: str, number: int, index: int, values: Array, t_ns: int
) -> list[Message]:
    with sendable("recorded frame"):
        return [
            encode_frame(
                series=series,
                number=number,
                t_ns=t_ns,
                channels=[Channel(name="image", values=values)],
                pixel_size_m=recording.pixel_size_m,
                user={"source": {"file": recording.path.name, "index": index}},
            )
        ]
