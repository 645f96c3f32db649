"""Run simulator, service and subscriber together and report how well it went."""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from scopeside import configuration
from scopeside.errors import ConfigError, MissingExtraError, ServiceError

if TYPE_CHECKING:
    from scopeside.demo.rehearsal import Outcome, Plan

FRAMES = 40
RATE_HZ = 1.0
"""What a two-core machine keeps up with while it also simulates."""

ENGINE = ("torch", "scipy", "PIL", "matplotlib", "rich")
"""Modules of the `cpu` extra that the three processes cannot do without."""

RECEIVER_WAIT_S = 60.0
"""How long the source waits for the service and the demo to subscribe."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "input", nargs="?", type=Path, help="a recorded file to replay (default: a simulated run)"
    )
    parser.add_argument("--out", type=Path, default=Path("out/demo"), help="folder for the files")
    parser.add_argument(
        "--frames", type=_count, metavar="N", help=f"to send (default {FRAMES}, or the file's)"
    )
    parser.add_argument(
        "--rate",
        type=float,
        default=RATE_HZ,
        metavar="HZ",
        help="frames a second (default %(default)g)",
    )
    parser.add_argument(
        "--shape",
        type=_shape,
        default=(512, 512),
        metavar="NYxNX",
        help="of the simulated frames (default 512x512)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the simulated specimen (default 0)")
    configuration.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Run the demo; raises ServiceError when nothing was segmented or the books do not balance."""
    _require_engine()
    from scopeside.demo.rehearsal import rehearse
    from scopeside.demo.report import write_files

    plan = _plan(args)
    outcome = rehearse(plan)
    files = write_files(outcome, args.out, title=plan.title)
    _say(outcome, files)
    problems = outcome.problems()
    if problems:
        raise ServiceError(" ".join(problems))
    return 0


def _require_engine() -> None:
    """Say what is missing before anything is started, not after the first result."""
    missing = [package for package in ENGINE if find_spec(package) is None]
    if missing:
        raise MissingExtraError(
            f"`scopeside demo` needs packages that are not installed ({', '.join(missing)}): "
            "run `pip install 'scopeside[cpu]'`."
        )


def _plan(args: argparse.Namespace) -> Plan:
    from scopeside.demo.rehearsal import Plan

    args.config = args.config or ["demo"]
    if configuration.from_arguments(args).settings.security.curve:
        raise ConfigError("The demo runs on loopback without CURVE: leave security.curve off.")
    source, shape, frames = _simulated(args) if args.input is None else _recorded(args)
    service = ["serve", "--set", f"service.frame_shape=[{shape[0]}, {shape[1]}]"]
    for name in args.config:
        service += ["--config", name]
    for text in args.sets:
        service += ["--set", text]
    name = "Simulated irradiation" if args.input is None else args.input.name
    return Plan(
        source=(*source, "--rate", f"{args.rate:g}", "--wait", f"{RECEIVER_WAIT_S:g}"),
        service=tuple(service),
        frames=frames,
        out=args.out,
        title=f"{name}, segmented live",
    )


def _simulated(args: argparse.Namespace) -> tuple[list[str], tuple[int, int], int]:
    ny, nx = args.shape
    frames = args.frames or FRAMES
    options = {"--frames": frames, "--shape": f"{ny}x{nx}", "--seed": args.seed}
    return ["simulate", *_words(options)], (ny, nx), frames


def _recorded(args: argparse.Namespace) -> tuple[list[str], tuple[int, int], int]:
    from scopeside.io import open_frames

    recording = open_frames(args.input)
    frames = min(args.frames or len(recording), len(recording))
    return ["replay", str(args.input), "--frames", str(frames)], recording.shape, frames


def _words(options: dict[str, object]) -> list[str]:
    return [word for name, value in options.items() for word in (name, str(value))]


def _say(outcome: Outcome, files: list[Path]) -> None:
    from rich.console import Console
    from rich.table import Table

    from scopeside.demo.report import summary

    console = Console(file=sys.stdout)
    for heading, rows in summary(outcome):
        table = Table(title=heading, title_justify="left", show_header=False, box=None)
        for column in range(max(map(len, rows))):
            table.add_column(justify="left" if column == 0 else "right", no_wrap=True)
        for row in rows:
            table.add_row(*row)
        console.print()
        console.print(table)
    console.print()
    for file in files:
        console.print(str(file), highlight=False, soft_wrap=True)


def _shape(text: str) -> tuple[int, int]:
    sides = text.lower().split("x")
    if len(sides) != 2 or not all(side.isdecimal() and int(side) > 0 for side in sides):
        raise argparse.ArgumentTypeError(f"'{text}' is no shape: write rows x columns, as 512x512")
    return int(sides[0]), int(sides[1])


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of frames: write 1 or more")
    return int(text)
