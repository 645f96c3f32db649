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

    from scopeside.bench.run import Plan
    from scopeside.bench.table import Table
    from scopeside.configuration import Configuration

COMPARE = "compare"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "input",
        nargs="*",
        help="a recorded file to offer (default: bench.stream, or simulated frames)",
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
    configuration.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    return _measure(args)


def _measure(args: argparse.Namespace) -> int:
    chosen = configuration.from_arguments(args)
    plan = _plan(args, chosen)
    from scopeside.bench.environment import busy_share
    from scopeside.bench.report import report, write_report
    from scopeside.bench.run import measure
    from scopeside.bench.table import tables

    begun_s = time.monotonic()
    busy = busy_share()
    _say(f"offering {plan.load.name}, {plan.load.kind}")
    measured = measure(plan, _say)
    made = report(measured, plan, chosen, busy_before=busy, took_s=time.monotonic() - begun_s)
    files = [args.out / "report.json"]
    write_report(made, files[0])
    _show(tables(made))
    for file in files:
        _say(str(file))
    return 0


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

    options = [word for name in args.config for word in ("--config", name)]
    options += [word for text in args.sets for word in ("--set", text)]
    return Plan(
        settings=settings,
        options=tuple(options),
        load=load_for(settings, Path(args.input[0]) if args.input else None),
        transport=args.transport,
        rates_hz=args.rates,
        steady_hz=args.steady,
    )


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _show(tables: Iterable[Table]) -> None:
    from rich.console import Console
    from rich.table import Table as RichTable

    console = Console(file=sys.stdout)
    for heading, rows in tables:
        header, *body = rows
        table = RichTable(title=heading, title_justify="left", show_header=any(header), box=None)
        for number, column in enumerate(header):
            table.add_column(column, justify="left" if number == 0 or not any(header) else "right")
        for row in body:
            table.add_row(*row)
        console.print()
        console.print(table, soft_wrap=True)
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
