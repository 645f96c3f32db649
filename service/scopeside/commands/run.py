"""Show, export and report what was saved of a run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from scopeside.errors import OutputError
from scopeside.saving.layout import ROWS
from scopeside.saving.reader import Run, open_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    showing = actions.add_parser("info", help="what a saved run holds")
    exporting = actions.add_parser("export", help="write communities, fronts and timings as tables")
    reporting = actions.add_parser("report", help="write an HTML page with pictures and plots")
    for action in (showing, exporting, reporting):
        action.add_argument("run", type=Path, help="the run, as `save` or `serve --save` wrote it")
    formats = exporting.add_mutually_exclusive_group(required=True)
    formats.add_argument("--csv", type=Path, metavar="DIR", help="write CSV files in this folder")
    formats.add_argument(
        "--parquet", type=Path, metavar="DIR", help="write Parquet files in this folder"
    )
    reporting.add_argument(
        "-o", "--out", type=Path, required=True, metavar="FILE", help="the page to write"
    )


def run(args: argparse.Namespace) -> int:
    """Do one action; 4 for what is no run."""
    opened = open_run(args.run)
    match args.action:
        case "info":
            sys.stdout.writelines(f"{line}\n" for line in _lines(opened))
        case "export":
            _export(opened, args)
        case _:
            _report(opened, args.out)
    sys.stderr.writelines(f"run: {sentence}\n" for sentence in _left_out(opened))
    return 0


def _left_out(opened: Run) -> Iterator[str]:
    for image in opened.images:
        if image.lacking:
            index, key = next(iter(image.lacking.items()))
            yield (
                f"{len(image.lacking)} of {image.length} lines of {image.path / ROWS} lack what "
                f"every result says (line {index + 1}: {key}) and were left out: another program "
                "has changed the file, so take it from a copy."
            )


def _lines(opened: Run) -> list[str]:
    lost = f"; {opened.not_saved} results more came and were not saved" if opened.not_saved else ""
    return [
        f"{opened.path}: {sum(image.length for image in opened.images)} frames, {opened.end}{lost}",
        f"  from  {opened.source}, by {opened.software}",
        *(
            f"  {image.path.name:<4}  {image.series}: {image.length} frames of {image.shape[0]}x"
            f"{image.shape[1]}, {len(image.colors())} communities, "
            f"frames {'not ' if image.frames is None else ''}saved"
            for image in opened.images
        ),
    ]


def _export(opened: Run, args: argparse.Namespace) -> None:
    from scopeside.saving.table_files import write_csv, write_parquet
    from scopeside.saving.tables import tables

    made = tables(opened)
    files = write_csv(made, args.csv) if args.csv else write_parquet(made, args.parquet)
    for table, file in zip(made, files, strict=True):
        sys.stdout.write(f"{file}: {len(table.rows)} rows, {len(table.columns)} columns\n")


def _report(opened: Run, out: Path) -> None:
    from scopeside.reporting.report import report
    from scopeside.view.page import write_page

    if out.exists():
        raise OutputError(f"{out} exists already: a report never replaces a file.")
    write_page(report(opened), out)
    sys.stdout.write(f"{out}: {sum(image.length for image in opened.images)} frames\n")
