"""Record every message of a stream, with when it came."""

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
from scopeside.recording.listening import Heard, Listener
from scopeside.recording.tap import RecordSpec, Tap, TapStatistics
from scopeside.stages.reports import Reports

FAILED = "record_failed"
"""The code by which a tap reports that the recording has ended by a fault."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--from",
        dest="endpoint",
        default="tcp://127.0.0.1:5555",
        metavar="ENDPOINT",
        help="where messages come from (default: %(default)s)",
    )
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="FILE", help="the recording, an HDF5 file"
    )
    parser.add_argument(
        "--socket",
        choices=("sub", "pull"),
        default="sub",
        help="sub hears what others hear too; pull takes its share, and lets the sender wait for "
        "the disk (default: %(default)s)",
    )
    parser.add_argument(
        "--attach",
        choices=("connect", "bind"),
        default="connect",
        help="whether to connect to the endpoint or to bind it (default: %(default)s)",
    )
    parser.add_argument(
        "--compression",
        choices=("none", "zstd"),
        default="none",
        help="of what is stored; messages are the same either way (default: %(default)s)",
    )
    parser.add_argument(
        "--split",
        type=byte_size,
        default=0,
        metavar="SIZE",
        help="begin a new file when one would grow larger, as in 2GB (default: never)",
    )
    parser.add_argument(
        "--queue",
        type=byte_size,
        default=256 * 2**20,
        metavar="SIZE",
        help="memory for messages that wait for the disk (default: 256MiB)",
    )
    parser.add_argument("--seconds", type=float, metavar="S", help="stop after this time")
    parser.add_argument("--messages", type=int, metavar="N", help="stop after so many messages")
    parser.add_argument(
        "--until-end", action="store_true", help="stop when a series has ended, and not before"
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="write a JSON report")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")
    add_key_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Record until told to stop; 0 also after Ctrl-C, which is how a recording usually ends."""
    if (args.seconds is not None and args.seconds <= 0) or (
        args.messages is not None and args.messages < 1
    ):
        raise ConfigError("--seconds must be above 0, and --messages 1 or more.")
    spec = RecordSpec(
        path=args.out,
        source=args.endpoint,
        compression=args.compression,
        split_bytes=args.split,
        queue_bytes=args.queue,
        queue_name="--queue",
    )
    with stopping() as stopped:
        listener = Listener(
            args.endpoint, socket=args.socket, attach=args.attach, keys=client_keys(args)
        )
        reports = Reports(lambda event: _say(args, told(event)), interval_s=LINE_EVERY_S)
        try:
            tap = Tap(spec, report=lambda *told: _report(reports, *told))
            _say(args, f"recording {args.endpoint} into {args.out}; Ctrl-C ends it")
            begun_s = time.monotonic()
            progress = Progress(
                reports,
                stopped,
                begun_s=begun_s,
                seconds=args.seconds,
                say=lambda line: _say(args, line),
            )
            try:
                listener.listen(tap, until=lambda heard: _over(args, progress, tap, heard))
            finally:
                statistics = tap.close()
                reports.flush(everything=True)
                seconds = time.monotonic() - begun_s
                _conclude(args, listener, statistics, seconds)
        finally:
            listener.close()
    if statistics.error is not None:
        raise OutputError(statistics.error)
    return 0


def _report(reports: Reports, code: str, sentence: str) -> None:
    if code != FAILED:  # which is what this program ends with, as its last word
        reports.error(code, sentence)


def _over(args: argparse.Namespace, progress: Progress, tap: Tap, heard: Heard) -> bool:
    def line() -> str:
        return (
            f"{heard.frames} frames, {heard.messages} messages, {heard.bytes / 1e6:.1f} MB; "
            f"{tap.statistics().dropped} not recorded"
        )

    return (
        progress.over(line)
        or (args.messages is not None and heard.messages >= args.messages)
        or (args.until_end and heard.ends > 0)
    )


def _conclude(
    args: argparse.Namespace, listener: Listener, statistics: TapStatistics, seconds: float
) -> None:
    """Say what came and, apart from it, what of that is in the recording."""
    heard, left = listener.heard, listener.left_behind()
    files = f"{statistics.files} file{'s' if statistics.files != 1 else ''}"
    _say(
        args,
        f"{heard.messages} messages came in {seconds:.1f} s, {heard.frames} of them frames, "
        f"{heard.bytes / 1e6:.1f} MB; recorded {statistics.recorded} of {statistics.offered} "
        f"messages in {files}, {statistics.dropped} not recorded",
    )
    if left:
        _say(
            args,
            f"{left} more messages at least were taken from the sender and are in no file: a "
            "recording by --socket pull loses none where --until-end ends it",
        )
    if args.report is None:
        return
    report = {"file": str(args.out), "seconds": seconds, **asdict(heard), **asdict(statistics)}
    write_report(args.report, report | {"left_behind": left})


def _say(args: argparse.Namespace, sentence: str) -> None:
    if not args.quiet:
        sys.stdout.write(f"record: {sentence}\n")
        sys.stdout.flush()
