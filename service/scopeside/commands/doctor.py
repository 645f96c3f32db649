"""Say what this machine has, what will be used and what is missing."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import groupby

from scopeside import configuration
from scopeside.checks.endpoints import endpoints
from scopeside.checks.finding import Finding
from scopeside.checks.gpu import tensorrt
from scopeside.checks.machine import cache, choice, machine
from scopeside.checks.packages import packages
from scopeside.checks.probe import KINDS, probe
from scopeside.checks.running import running
from scopeside.checks.weights import weights
from scopeside.commands.keys import add_key_arguments, client_keys
from scopeside.settings import Settings

MARKS = {True: "ok", False: "!!", None: "  "}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    configuration.add_arguments(parser)
    asked = parser.add_mutually_exclusive_group()
    asked.add_argument(
        "--probe", metavar="ENDPOINT", help="listen to this endpoint and say what arrives"
    )
    asked.add_argument(
        "--service",
        action="store_true",
        help="ask the running service at control.endpoint for its state",
    )
    parser.add_argument(
        "--socket",
        choices=sorted(KINDS),
        help="kind of socket to listen with (default: ingest.socket)",
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="how long to listen (default 3)")
    parser.add_argument("--json", action="store_true", help="write JSON instead of text")
    add_key_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Write every finding; 1 when something that is needed is missing, else 0."""
    settings = configuration.from_arguments(args).settings
    if args.service:
        findings = [running(settings.control.endpoint, keys=client_keys(args))]
    elif args.probe is not None:
        kind = args.socket or settings.ingest.socket
        heard = probe(args.probe, kind=kind, seconds=args.seconds, limits=settings.limits)
        findings = list(heard.findings())
    else:
        findings = list(_survey(settings))
    if args.json:
        sys.stdout.write(json.dumps([asdict(finding) for finding in findings], indent=2) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(findings))
    return int(any(finding.ok is False for finding in findings))


def _survey(settings: Settings) -> Iterator[Finding]:
    yield from machine()
    yield from packages()
    yield from choice(settings)
    yield from tensorrt(settings)
    yield weights(settings)
    yield cache(settings)
    yield from endpoints(settings)


def _lines(findings: list[Finding]) -> Iterator[str]:
    width = max(len(finding.name) for finding in findings)
    for section, group in groupby(findings, key=lambda finding: finding.section):
        yield section
        for finding in group:
            yield f"  {MARKS[finding.ok]} {finding.name:<{width}}  {finding.value}"
    yield ""
    yield from _fixes(finding for finding in findings if finding.ok is False)


def _fixes(wrong: Iterable[Finding]) -> Iterator[str]:
    fixes: dict[str, list[str]] = {}
    for finding in wrong:
        fixes.setdefault(finding.fix or "", []).append(finding.name)
    if not fixes:
        yield "Everything that is needed is here."
    for fix, names in fixes.items():
        yield f"{', '.join(names)}: {fix}"
