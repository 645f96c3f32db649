"""The `scopeside` command: finds the subcommand, runs it, turns errors into one sentence.

Exit codes: 0 done; 1 unexpected failure, or a check that found something; 2 wrong arguments or
settings; 3 endpoint; 4 input file; 5 output; 6 weights; 7 backend; 8 packages missing; 9 service
or peer failed; 130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, cast

from scopeside import __version__
from scopeside.errors import FatalError, MissingExtraError

# In the order in which a newcomer meets them; the first sentence of each module is its help.
COMMANDS = {
    "serve": "Segment live frames: frames in over ZeroMQ, label maps and latencies out.",
    "segment": "Segment a file with the service's own pipeline, without sockets.",
    "simulate": "Publish a simulated in-situ irradiation run.",
    "twin": "Run a digital twin of a microscope: frames out, commands in.",
    "replay": "Publish recorded streams and files on schedule.",
    "record": "Record every message of a stream, with when it came.",
    "save": "Save a service's results as OME-Zarr.",
    "run": "Show, export and report what was saved of a run.",
    "recording": "Show, verify, cut and export recordings.",
    "control": "Ask a running service: name, targets, rules, pause and the rest.",
    "watch": "Show a running service's results in the terminal.",
    "napari": "Show a running service in napari.",
    "doctor": "Say what this machine has, what will be used and what is missing.",
    "config": "Show the effective settings and where each comes from, or begin a file of them.",
    "keys": "Make and list CURVE keys.",
    "weights": "List, fetch and verify encoder weights.",
    "engine": "Build, list and clear the TensorRT engines that this machine keeps.",
    "pretrain": "Train an encoder on simulated micrographs and on your own.",
    "bench": "Measure the running service under an open-loop load, and compare two measurements.",
    "demo": "Run simulator, service and subscriber together and report how well it went.",
}

INTERRUPTED = 130

BLAS_PATIENCE = ("OPENBLAS_THREAD_TIMEOUT", "4")
"""NumPy's BLAS threads spin for 2**26 turns after every matrix product (64 ms of a core, measured)
unless told otherwise: cores that ingest and publishing need. 2**4 is the least it takes."""

OWN = ("scopeside", "scopeside_kernels")


class Command(Protocol):
    """What a module in `scopeside.commands` offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace) -> int: ...


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # Read once, when NumPy is loaded, which is why nothing before this line imports it.
    os.environ.setdefault(*BLAS_PATIENCE)
    try:
        command, args = _parse(arguments)
        # Commands import what is heavy only when they run.
        with _telling_what_to_install(args.command):
            return command.run(args)
    except FatalError as error:
        sys.stderr.write(f"scopeside: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe (`| head`) went away: nothing more can be said to it.
        sys.stderr.close()
        return 0


def _parse(arguments: list[str]) -> tuple[Command, argparse.Namespace]:
    parser = argparse.ArgumentParser(prog="scopeside", description=__doc__.splitlines()[0])
    parser.add_argument("--version", action="version", version=f"scopeside {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    chosen = next((word for word in arguments if not word.startswith("-")), None)
    command: Command | None = None
    for name, help_text in COMMANDS.items():
        subparser = commands.add_parser(name, help=help_text, description=help_text)
        if name == chosen:
            # Only the chosen command is imported, so that `--help` and the client commands
            # start at once and need no engine.
            command = _load(name)
            command.add_arguments(subparser)
    args = parser.parse_args(arguments)
    if command is None:
        parser.error("a command is needed")
    return command, args


def _load(name: str) -> Command:
    with _telling_what_to_install(name):
        return cast(Command, importlib.import_module(f"scopeside.commands.{name}"))


@contextmanager
def _telling_what_to_install(command: str) -> Iterator[None]:
    """Turn a package that is not installed into a MissingExtraError.

    A module of our own that is not there is a fault, and stays what it is.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        if package in ("", *OWN):
            raise
        raise missing_extra(package, f"`scopeside {command}`") from error


def missing_extra(package: str, what: str) -> MissingExtraError:
    return MissingExtraError(
        f"{what} needs the Python package '{package}', which is not installed: "
        "run `pip install 'scopeside[cpu]'`."
    )
