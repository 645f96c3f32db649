"""Measure the running service under an open-loop load, and compare two measurements."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from scopeside import configuration
from scopeside.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scopeside.bench.report import Report
    from scopeside.bench.run import Measured, Plan
    from scopeside.bench.table import Table
    from scopeside.configuration import Configuration

COMPARE = "compare"

LOG_COLUMNS = 160

FILES = ("report.json", "report.html")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "input",
        nargs="*",
        help="a recorded file to offer (default: bench.stream, or simulated frames); or `compare`"
        " and the report.json of two measurements",
    )
    parser.add_argument("--out", type=Path, default=Path("out/bench"), help="folder for the report")
    parser.add_argument(
        "--rates",
        type=_rates,
        default=(),
        metavar="HZ,HZ",
        help="offer these rates in place of a search for the highest one",
    )
    parser.add_argument(
        "--steady",
        type=_rate,
        metavar="HZ",
        help="measure latency at this rate (default: bench.load of the highest)",
    )
    parser.add_argument(
        "--transport",
        choices=("tcp", "ipc"),
        default="tcp",
        help="what sender and service talk over (default: %(default)s)",
    )
    parser.add_argument(
        "--against",
        choices=("reference",),
        help="also run the published method's plain loop on the same frames and weights",
    )
    parser.add_argument(
        "--least",
        type=_percent,
        default=5.0,
        metavar="PERCENT",
        help="with compare: smaller changes are none (default: %(default)g)",
    )
    configuration.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Measure or compare; exit code 1 says that the second report is worse beyond the noise."""
    if args.input[:1] == [COMPARE]:
        return _compare(args)
    return _measure(args)


def _compare(args: argparse.Namespace) -> int:
    if len(args.input) != 3:
        raise ConfigError("`compare` takes two reports: scopeside bench compare A.json B.json")
    from scopeside.bench.compare import compare
    from scopeside.bench.compare_table import comparison_tables
    from scopeside.bench.report import read_report

    a, b = (read_report(Path(name)) for name in args.input[1:])
    found = compare(a, b, least_change=args.least / 100.0)
    _show(comparison_tables(found))
    for note in found.notes:
        _say(note)
    for problem in found.problems:
        _say(f"WORSE: {problem}.")
    if not found.problems:
        _say("B is not worse than A, as far as the repeats can tell.")
    return 1 if found.problems else 0


def _measure(args: argparse.Namespace) -> int:
    chosen = configuration.from_arguments(args)
    plan = _plan(args, chosen)
    from scopeside.bench.environment import busy_share
    from scopeside.bench.output import require_writable
    from scopeside.bench.run import Measured, measure

    require_writable(args.out, FILES)
    begun_s = time.monotonic()
    busy = busy_share()
    _say(f"offering {plan.load.name}, {plan.load.kind}")
    measured = Measured()

    def made(beside: Report | None = None) -> Report:
        return _report(plan, chosen, measured, beside, busy, time.monotonic() - begun_s)

    try:
        measure(plan, _say, measured)
        if args.against is not None:  # minutes more, in which this program may be killed
            _write(args, made())
        beside = _beside(args, plan, chosen)
    except BaseException:  # Ctrl-C and a service that fails take nothing of what was finished
        if measured.repeats:
            _conclude(args, made())
        raise
    _conclude(args, made(beside))
    return 0


def _report(
    plan: Plan,
    chosen: Configuration,
    measured: Measured,
    beside: Report | None,
    busy: float | None,
    took_s: float,
) -> Report:
    from scopeside.bench.report import report

    made = report(measured, plan, chosen, busy_before=busy, took_s=took_s)
    return made if beside is None else made | {"against": beside}


def _write(args: argparse.Namespace, made: Report) -> None:
    from scopeside.bench.page import write_page
    from scopeside.bench.report import write_report

    report, page = (args.out / name for name in FILES)
    write_report(made, report)
    write_page(made, page)


def _conclude(args: argparse.Namespace, made: Report) -> None:
    from scopeside.bench.table import tables

    _write(args, made)
    _show(tables(made))
    done, planned = len(made["repeats"]), made["plan"]["repeats"]
    if done < planned:
        _say(f"ended early: this is {done} of {planned} runs")
    if args.against is not None and "against" not in made:
        _say("ended early: the loop is not in it")
    for name in FILES:
        _say(str(args.out / name))


def _plan(args: argparse.Namespace, chosen: Configuration) -> Plan:
    if len(args.input) > 1:
        raise ConfigError(
            "One recording is measured at a time: give one file, or `compare A.json B.json`."
        )
    settings = chosen.settings
    if settings.security.curve:
        raise ConfigError("The benchmark runs on loopback without CURVE: leave security.curve off.")
    from scopeside.bench.frames import load_for
    from scopeside.bench.run import Plan

    if args.against and settings.embed.backend == "null":
        raise ConfigError("Without an encoder nothing is like the loop: leave embed.backend.")
    options = [word for name in args.config for word in ("--config", name)]
    options += [word for text in args.sets for word in ("--set", text)]
    return Plan(
        settings=settings,
        options=tuple(options),
        load=load_for(settings, Path(args.input[0]) if args.input else None),
        logs=args.out,
        transport=args.transport,
        rates_hz=args.rates,
        steady_hz=args.steady,
    )


def _beside(args: argparse.Namespace, plan: Plan, chosen: Configuration) -> Report | None:
    if args.against is None:
        return None
    from scopeside.bench.side_by_side import as_report, side_by_side

    rounds = plan.bench.repeats
    _say(f"the published method's loop beside the pipeline, {rounds} frames each")
    images = [plan.load.image(number) for number in range(rounds + 1)]
    return as_report(side_by_side(chosen, images, rounds=rounds))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _show(tables: Iterable[Table]) -> None:
    from rich.console import Console
    from rich.table import Table as RichTable

    # Where nobody looks at it live, lines may be as long as the tables are wide.
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else LOG_COLUMNS)
    for heading, rows in tables:
        header, *body = rows
        table = RichTable(title=heading, title_justify="left", show_header=any(header), box=None)
        for number, column in enumerate(header):
            table.add_column(
                column, justify="left" if number == 0 or not any(header) else "right", no_wrap=True
            )
        for row in body:
            table.add_row(*row)
        console.print()
        console.print(table)
    console.print()


def _rate(text: str) -> float:
    try:
        rate_hz = float(text)
    except ValueError:
        rate_hz = 0.0
    if not 0.0 < rate_hz <= 1e5:
        raise argparse.ArgumentTypeError(f"'{text}' is no rate: write frames a second, as 12.5")
    return rate_hz


def _rates(text: str) -> tuple[float, ...]:
    return tuple(sorted({_rate(part) for part in text.split(",")}))


def _percent(text: str) -> float:
    try:
        percent = float(text)
    except ValueError:
        percent = -1.0
    if not 0.0 <= percent <= 100.0:
        raise argparse.ArgumentTypeError(f"'{text}' is no percentage: write 0 to 100, as 5")
    return percent
