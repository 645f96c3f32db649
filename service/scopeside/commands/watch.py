"""Show a running service's results in the terminal."""

from __future__ import annotations

import argparse
import time

from scopeside import configuration
from scopeside.client.connection import reachable
from scopeside.client.subscriber import EventSubscriber, ResultSubscriber
from scopeside.commands.keys import add_key_arguments, client_keys
from scopeside.errors import EndpointError
from scopeside.view.display import Show, display
from scopeside.view.monitor import Monitor

SILENCE_S = 5.0
"""After this long without anything the view says so."""

REDRAW_S = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    configuration.add_arguments(parser)
    parser.add_argument(
        "--results", metavar="ENDPOINT", help="results endpoint (default: publish.results)"
    )
    parser.add_argument(
        "--events", metavar="ENDPOINT", help="events endpoint (default: publish.events)"
    )
    parser.add_argument("--frames", type=int, metavar="N", help="stop after this many results")
    parser.add_argument(
        "--wait", type=float, metavar="S", help="give up when nothing came for this many seconds"
    )
    parser.add_argument(
        "--plain", action="store_true", help="one line a result, as when the output is no terminal"
    )
    add_key_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Watch until `--frames` results have come, or for ever."""
    publish = configuration.from_arguments(args).settings.publish
    results_at = args.results or reachable(publish.results)
    events_at = args.events or reachable(publish.events)
    keys = client_keys(args)
    with (
        ResultSubscriber(results_at, keys=keys) as results,
        EventSubscriber(events_at, keys=keys) as events,
        display(f"scopeside watch {results_at}", plain=args.plain) as show,
    ):
        _watch(results, events, show, frames=args.frames, wait_s=args.wait)
    return 0


def _watch(
    results: ResultSubscriber,
    events: EventSubscriber,
    show: Show,
    *,
    frames: int | None,
    wait_s: float | None,
) -> None:
    monitor = Monitor()
    heard_s = time.monotonic()
    while frames is None or monitor.results < frames:
        result = results.receive(REDRAW_S)
        now_s = time.monotonic()
        if result is not None:
            monitor.result(result, now_s=now_s)
            heard_s = now_s
        while (event := events.receive(0.0)) is not None:
            monitor.event(event, now_s=now_s)
            heard_s = now_s
        silent_s = now_s - heard_s
        if wait_s is not None and silent_s >= wait_s:
            raise EndpointError(_silence(results.endpoint, silent_s))
        note = _silence(results.endpoint, silent_s) if silent_s >= SILENCE_S else ""
        if results.last_problem is not None:
            note = f"{results.malformed} message(s) were no results: {results.last_problem}"
        show(monitor.snapshot(now_s=now_s), note)


def _silence(endpoint: str, silent_s: float) -> str:
    return (
        f"Nothing has come from {endpoint} for {silent_s:.0f} s: is `scopeside serve` running, and "
        "is this its publish.results?"
    )
