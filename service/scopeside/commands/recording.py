"""Show, verify, cut and export recordings."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from scopeside.commands.byte_size import byte_size
from scopeside.errors import OutputError
from scopeside.recording.cut import Cut, cut, kept_messages
from scopeside.recording.naming import part_path
from scopeside.recording.reader import Recording
from scopeside.recording.summary import SeriesSummary, Summary, summarise
from scopeside.recording.verify import Verdict, verify


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    showing = actions.add_parser("info", help="what a recording holds, from its index")
    verifying = actions.add_parser("verify", help="read every message and compare its checksum")
    cutting = actions.add_parser("cut", help="copy a part into a new recording, byte for byte")
    exporting = actions.add_parser("export", help="write one series as a stack of images")
    for action in (showing, verifying, cutting, exporting):
        action.add_argument("file", type=Path, help="the recording; its first file if it was split")
    for action in (showing, verifying):
        action.add_argument("--json", action="store_true", help="write JSON")
    for action in (cutting, exporting):
        action.add_argument(
            "-o", "--out", type=Path, required=True, metavar="FILE", help="what to write"
        )
        action.add_argument("--series", metavar="NAME", help="frames of this series alone")
    _add_cut_arguments(cutting)


def _add_cut_arguments(cutting: argparse.ArgumentParser) -> None:
    cutting.add_argument(
        "--first", type=int, default=0, metavar="N", help="first frame, counted from 0"
    )
    cutting.add_argument("--last", type=int, metavar="N", help="last frame, itself included")
    cutting.add_argument(
        "--from-s", type=float, metavar="S", help="frames that came this long after the first"
    )
    cutting.add_argument("--to-s", type=float, metavar="S", help="frames that came until then")
    cutting.add_argument(
        "--compression",
        choices=("none", "zstd"),
        default="none",
        help="of what is stored (default: %(default)s)",
    )
    cutting.add_argument(
        "--split",
        type=byte_size,
        default=0,
        metavar="SIZE",
        help="begin a new file when one would grow larger (default: never)",
    )


def run(args: argparse.Namespace) -> int:
    """Do one action; 4 for what is no recording, 1 where `verify` finds damage."""
    match args.action:
        case "info":
            return _info(args)
        case "verify":
            return _verify(args)
        case "cut":
            return _cut(args)
        case _:
            return _export(args)


def _info(args: argparse.Namespace) -> int:
    with Recording(args.file) as recording:
        summary = summarise(recording)
    if args.json:
        series = [
            {
                "series": one.name,
                "frames": one.frames,
                "least": one.least,
                "greatest": one.greatest,
                "missing": one.missing,
                "duplicates": one.duplicates,
            }
            for one in summary.series
        ]
        _write_json(asdict(summary) | {"series": series, "rate_hz": summary.rate_hz})
    else:
        sys.stdout.writelines(f"{line}\n" for line in _summary_lines(args.file, summary))
    return 0


def _summary_lines(path: Path, summary: Summary) -> list[str]:
    began = "nothing yet"
    if summary.first_wall_ns is not None:
        moment = datetime.fromtimestamp(summary.first_wall_ns / 1e9, UTC)
        began = f"{moment:%Y-%m-%d %H:%M:%S} UTC"
    dropped = f"; {summary.dropped} more came and were not recorded" if summary.dropped else ""
    end = "closed"
    if summary.lacks is not None:
        end = _lacking(path, summary.lacks)
    elif not summary.complete:
        end = "not closed: being written, or its writer was killed or its disk full"
    return [
        f"{path}: {summary.messages} messages, {summary.frames} of them frames{dropped}",
        f"  from      {summary.source}, by {summary.software}",
        f"  began     {began}, {summary.seconds:.3f} s, {summary.rate_hz:.2f} frames a second, "
        f"longest gap {summary.longest_gap_s:.3f} s",
        f"  bytes     {summary.payload_bytes / 1e6:.1f} MB in {summary.stored_bytes / 1e6:.1f} MB, "
        f"compression {summary.compression}, {summary.files} file"
        f"{'s' if summary.files != 1 else ''}",
        f"  end       {end}" + (f"; {summary.torn} torn messages left out" * bool(summary.torn)),
        *(f"  series    {_series_line(one)}" for one in summary.series),
    ]


def _lacking(path: Path, part: int) -> str:
    return (
        f"lacks {part_path(path, part).name} and what may follow it: put all files of a recording "
        "into one folder"
    )


def _series_line(series: SeriesSummary) -> str:
    if series.least is None:
        return f"{series.name}: {series.frames} frames"
    return (
        f"{series.name}: {series.frames} frames, {series.least} to {series.greatest}, "
        f"{series.missing} missing, {series.duplicates} duplicate"
    )


def _verify(args: argparse.Namespace) -> int:
    with Recording(args.file) as recording:
        verdict = verify(recording)
    if args.json:
        _write_json(asdict(verdict) | {"sound": verdict.sound})
    else:
        sys.stdout.writelines(f"{line}\n" for line in _verdict_lines(args.file, verdict))
    return 0 if verdict.sound else 1


def _verdict_lines(path: Path, verdict: Verdict) -> list[str]:
    size = f"{verdict.payload_bytes / 1e6:.1f} MB"
    if not verdict.damaged_count and not verdict.backwards:
        lines = [f"{path}: all {verdict.messages} messages ({size}) are as they were recorded"]
    else:
        named = ", ".join(map(str, verdict.damaged))
        more = ", ..." if verdict.damaged_count > len(verdict.damaged) else ""
        lines = [
            f"{path}: {verdict.damaged_count} of {verdict.messages} messages are damaged"
            f" ({named}{more}), {verdict.backwards} came before the one before them"
        ]
    if verdict.lacks is not None:
        lines.append(f"  It {_lacking(path, verdict.lacks)}.")
    elif not verdict.complete:
        lines.append(
            "  It was not closed: it is being written, or its writer was killed or its disk full; "
            f"{verdict.torn} torn messages at its end were left out."
        )
    return lines


def _cut(args: argparse.Namespace) -> int:
    from scopeside.recording.splitting import SplitRecording

    what = Cut(
        first=args.first,
        last=args.last,
        from_s=args.from_s,
        to_s=args.to_s,
        series=args.series,
    )
    with Recording(args.file) as recording:
        _require_another(args.out, recording)
        kept_messages(recording, what)  # says what is wrong before a file is begun
        store = SplitRecording(
            args.out,
            source=recording.files[0].facts.source,
            compression=args.compression,
            split_bytes=args.split,
        )
        kept = cut(recording, what, store)
    damaged = f"; {kept.damaged} damaged messages left out" if kept.damaged else ""
    sys.stdout.write(
        f"{args.out}: {kept.messages} messages, {kept.frames} of them frames{damaged}\n"
    )
    return 0


def _require_another(out: Path, recording: Recording) -> None:
    if any(out.exists() and out.samefile(file.path) for file in recording.files):
        raise OutputError(
            f"{out} is what is to be cut, and a recording never replaces a file: give -o another "
            "name."
        )


def _export(args: argparse.Namespace) -> int:
    from scopeside.io.export import export
    from scopeside.io.recorded import open_recorded

    file = open_recorded(args.file, series=args.series)
    export(file, args.out)
    ny, nx = file.shape
    sys.stdout.write(f"{args.out}: {len(file)} frames of {ny}x{nx} {file.dtype}; {file.note}\n")
    return 0


def _write_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, indent=2) + "\n")
