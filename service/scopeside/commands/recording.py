"""Show, verify, cut and export recordings."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from scopeside.recording.reader import Recording
from scopeside.recording.summary import SeriesSummary, Summary, summarise
from scopeside.recording.verify import Verdict, verify


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    showing = actions.add_parser("info", help="what a recording holds, from its index")
    verifying = actions.add_parser("verify", help="read every message and compare its checksum")
    for action in (showing, verifying):
        action.add_argument("file", type=Path, help="the recording; its first file if it was split")
        action.add_argument("--json", action="store_true", help="write JSON")


def run(args: argparse.Namespace) -> int:
    """Do one action; 4 for what is no recording, 1 where `verify` finds damage."""
    match args.action:
        case "info":
            return _info(args)
        case _:
            return _verify(args)


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
    end = "closed" if summary.complete else "not closed: being written, or its writer was killed"
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
    if verdict.sound:
        lines = [f"{path}: all {verdict.messages} messages ({size}) are as they were recorded"]
    else:
        named = ", ".join(map(str, verdict.damaged))
        more = ", ..." if verdict.damaged_count > len(verdict.damaged) else ""
        lines = [
            f"{path}: {verdict.damaged_count} of {verdict.messages} messages are damaged"
            f" ({named}{more}), {verdict.backwards} came before the one before them"
        ]
    if not verdict.complete:
        lines.append(
            "  It was not closed: it is being written, or its writer was killed; "
            f"{verdict.torn} torn messages at its end were left out."
        )
    return lines


def _write_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, indent=2) + "\n")
