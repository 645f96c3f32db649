"""Save a service's results as OME-Zarr."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict
from pathlib import Path

from scopeside.commands.byte_size import byte_size
from scopeside.commands.keys import add_key_arguments, client_keys
from scopeside.commands.publishing import write_report
from scopeside.commands.stopping import stopping
from scopeside.commands.tap_lines import LINE_EVERY_S, Progress, told
from scopeside.errors import ConfigError, OutputError
from scopeside.recording.tap import Tap, TapStatistics
from scopeside.saving.hearing import Heard, Hearing
from scopeside.saving.listening import listen
from scopeside.saving.spec import PROGRAM, SAVING, SaveSpec
from scopeside.stages.reports import Reports


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--from",
        dest="endpoint",
        default="tcp://127.0.0.1:5556",
        metavar="ENDPOINT",
        help="where results come from (default: %(default)s)",
    )
    parser.add_argument(
        "--frames",
        metavar="ENDPOINT",
        help="save the frames too, from the endpoint on which their sender publishes (PUB, bound)",
    )
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="RUN.zarr", help="the run, a new folder"
    )
    parser.add_argument(
        "--queue",
        type=byte_size,
        default=256 * 2**20,
        metavar="SIZE",
        help="memory for results that wait for the disk (default: 256MiB)",
    )
    parser.add_argument("--seconds", type=float, metavar="S", help="stop after this time")
    parser.add_argument("--results", type=int, metavar="N", help="stop after so many results")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write a JSON report")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")
    add_key_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Save until told to stop; 0 also after Ctrl-C, which is how a run usually ends."""
    if (args.seconds is not None and args.seconds <= 0) or (
        args.results is not None and args.results < 1
    ):
        raise ConfigError("--seconds must be above 0, and --results 1 or more.")
    spec = SaveSpec(
        path=args.out, source=args.endpoint, queue_bytes=args.queue, queue_name="--queue"
    )
    with stopping() as stopped:
        hearing = Hearing(args.endpoint, frames=args.frames, keys=client_keys(args))
        reports = Reports(lambda event: _say(args, told(event)), interval_s=LINE_EVERY_S)
        try:
            tap = Tap(spec, report=reports.error, program=PROGRAM, wording=SAVING)
            _say(args, f"saving {args.endpoint} into {args.out}; Ctrl-C ends it")
            begun_s = time.monotonic()
            progress = Progress(
                reports,
                stopped,
                begun_s=begun_s,
                seconds=args.seconds,
                say=lambda line: _say(args, line),
            )
            try:
                listen(hearing, tap, until=lambda heard: _over(args, progress, tap, heard))
            finally:
                statistics = tap.close()
                reports.flush(everything=True)
                _conclude(args, hearing, statistics, time.monotonic() - begun_s)
        finally:
            hearing.close()
    if statistics.error is not None:
        raise OutputError(statistics.error)
    return 0


def _over(args: argparse.Namespace, progress: Progress, tap: Tap, saved: Heard) -> bool:
    def line() -> str:
        statistics = tap.statistics()
        return f"{statistics.recorded} results; {statistics.dropped + saved.missed} not saved"

    enough = args.results is not None and tap.statistics().offered >= args.results
    return progress.over(line) or enough


def _conclude(
    args: argparse.Namespace, hearing: Hearing, statistics: TapStatistics, seconds: float
) -> None:
    saved = hearing.heard
    lost = [
        f"{count} {what}"
        for count, what in (
            (statistics.dropped, "for which the disk was too slow"),
            (saved.missed, "that did not arrive"),
            (saved.malformed, f"messages that could not be read ({hearing.last_problem})"),
            (saved.unpaired, "saved without their frame"),
        )
        if count
    ]
    _say(
        args,
        f"saved {statistics.recorded} results in {seconds:.1f} s"
        + (f"; {', '.join(lost)}" if lost else ""),
    )
    if args.report is not None:
        report = {"run": str(args.out), "seconds": seconds, **asdict(saved), **asdict(statistics)}
        write_report(args.report, report)


def _say(args: argparse.Namespace, sentence: str) -> None:
    if not args.quiet:
        sys.stdout.write(f"save: {sentence}\n")
        sys.stdout.flush()
