"""What `simulate` and `replay` share: arguments, a paced run that can be stopped, the report."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scopeside.client.pacing import Pacer
from scopeside.client.publisher import FramePublisher
from scopeside.commands.stopping import StopFlag
from scopeside.errors import ConfigError, OutputError, ServiceError
from scopeside.testing.faults import Message

INTERRUPTED = 130

# How often progress is said where there is no terminal to redraw.
_LINE_EVERY_S = 5.0

# Longest wait between two looks at the stop flag.
_READY_S = 0.1

# Longest wait to say that the series ended, where the receiver is gone or full.
_END_WAIT_S = 1.0

Prepared = Callable[[int], list[Message]]
"""Given the moment of sending (UTC nanoseconds), returns the messages of one frame."""


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a run sent; `frames` counts exposures, `sent` the messages that went out for them."""

    frames: int = 0
    sent: int = 0
    bytes: int = 0
    late: int = 0
    worst_late_s: float = 0.0
    lateness: dict[str, float | int] = field(default_factory=dict)
    seconds: float = 0.0
    stopped: bool = False
    extra: dict[str, Any] = field(default_factory=dict)


def default_series(stem: str) -> str:
    """Return a series name that no earlier run has used: the stem and the UTC time."""
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    return f"{stem[:80]}-{stamp}-{time.time_ns() // 1_000_000 % 1000:03d}"


def require_shared(endpoint: str) -> str:
    """Return an endpoint that another process can reach; ConfigError for one that none can."""
    if endpoint.startswith("inproc:"):
        raise ConfigError(
            f"--to {endpoint} is reached within one process alone, so nobody would ever come for "
            "frames: give tcp://HOST:PORT or ipc://FILE."
        )
    return endpoint


def open_publisher(args: argparse.Namespace) -> FramePublisher:
    """Open the publisher that the arguments describe."""
    require_shared(args.to)
    return FramePublisher(args.to, socket=args.socket, attach=args.attach)


def wait_for_receiver(
    publisher: FramePublisher, args: argparse.Namespace, stopped: StopFlag
) -> bool:
    """Wait as long as `--wait` says; False when stopped meanwhile.

    Raises ServiceError when nobody came.
    """
    if args.wait <= 0:
        return True
    wanted = f"{args.subscribers} receiver{'s' if args.subscribers != 1 else ''}"
    say(args, f"waiting up to {args.wait:g} s for {wanted} at {publisher.address}")
    until_s = time.monotonic() + args.wait
    while not publisher.wait_for_subscriber(_READY_S, count=args.subscribers):
        if stopped():
            return False
        if time.monotonic() >= until_s:
            raise ServiceError(
                f"{wanted.capitalize()} did not come to {publisher.address} within "
                f"{args.wait:g} s: start `scopeside serve` with this as ingest.endpoint, "
                f"ingest.socket = {'sub' if args.socket == 'pub' else 'pull'} and ingest.attach = "
                f"{'connect' if args.attach == 'bind' else 'bind'} (one that runs with others gets "
                "nothing), or use --wait 0."
            )
    return True


def send_frames(
    publisher: FramePublisher,
    args: argparse.Namespace,
    stopped: StopFlag,
    *,
    total: int | None,
    prepare: Callable[[int], Prepared],
    flush: Callable[[], list[Message]] = list,
) -> Outcome:
    """Send frames on schedule until `total` (None: until stopped), then end the series.

    `prepare` runs ahead of a frame's time; `flush` gives what is still to be sent at the end.
    Raises ServiceError where a PUSH socket finds no receiver for as long as `--wait` says.
    """
    outcome = Outcome()
    pacer = Pacer(args.rate or None)
    progress = _Progress(args, total)
    began_s = time.monotonic()
    try:
        while total is None or outcome.frames < total:
            messages_at = prepare(outcome.frames)
            if not pacer.wait(outcome.frames, stopped=stopped):
                break
            if not _send_all(publisher, args, stopped, messages_at(time.time_ns()), outcome):
                break
            outcome.frames += 1
            outcome.late, outcome.worst_late_s = pacer.late, pacer.worst_late_s
            progress.show(outcome, time.monotonic() - began_s)
        if _send_all(publisher, args, stopped, flush(), outcome) and publisher.ready(_END_WAIT_S):
            # A microscope counts what it exposed; what was lost on the way is the receiver's
            # to find.
            publisher.end(frames=outcome.frames)
    finally:
        progress.close()
    outcome.lateness = pacer.lateness.figures()
    outcome.stopped = stopped()
    outcome.seconds = time.monotonic() - began_s
    return outcome


def _send_all(
    publisher: FramePublisher,
    args: argparse.Namespace,
    stopped: StopFlag,
    messages: list[Message],
    outcome: Outcome,
) -> bool:
    for message in messages:
        since_s = time.monotonic()
        while not publisher.ready(_READY_S):
            if stopped():
                return False
            if 0 < args.wait <= time.monotonic() - since_s:
                raise ServiceError(
                    f"No receiver took a message at {args.to} for {args.wait:g} s: "
                    "see whether the service still runs."
                )
        publisher.send(message)
        outcome.sent += 1
        outcome.bytes += sum(len(part) for part in message)
    return True


def conclude(args: argparse.Namespace, series: str, outcome: Outcome) -> int:
    """Say and write how it went; return the exit code."""
    rate_hz = outcome.frames / outcome.seconds if outcome.seconds > 0 else 0.0
    faults: Mapping[str, int] = outcome.extra.get("faults", {})
    parts = [
        f"{'stopped after' if outcome.stopped else 'sent'} {outcome.frames} frames of '{series}'",
        f"in {outcome.seconds:.1f} s ({rate_hz:.2f} per second, {outcome.bytes / 1e6:.1f} MB);",
        f"{outcome.late} late",
    ]
    if outcome.late:
        parts.append(f"(at worst {1000 * outcome.worst_late_s:.0f} ms)")
    if faults:
        parts.append("; injected " + ", ".join(f"{n} {kind}" for kind, n in faults.items()))
    say(args, " ".join(parts).replace(" ;", ";"))
    if args.report is not None:
        report = {
            "series": series,
            "endpoint": args.to,
            "socket": args.socket,
            "frames": outcome.frames,
            "sent": outcome.sent,
            "bytes": outcome.bytes,
            "late": outcome.late,
            "worst_late_s": outcome.worst_late_s,
            "lateness": outcome.lateness,
            "seconds": outcome.seconds,
            "rate_hz": rate_hz,
            "stopped": outcome.stopped,
            **outcome.extra,
        }
        write_report(args.report, report)
    return INTERRUPTED if outcome.stopped else 0


def write_report(path: Path, report: Mapping[str, Any]) -> None:
    """Write a report as JSON; OutputError where that cannot be."""
    try:
        path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"The report {path} cannot be written ({error.strerror}): "
            "name a file in a folder that exists."
        ) from error


def say(args: argparse.Namespace, sentence: str) -> None:
    """Write one line for people, unless `--quiet`."""
    if not args.quiet:
        sys.stdout.write(f"{args.command}: {sentence}\n")
        sys.stdout.flush()


class _Progress:
    """A bar on a terminal (with rich), a line now and then elsewhere, nothing with `--quiet`."""

    def __init__(self, args: argparse.Namespace, total: int | None) -> None:
        self._args = args
        self._total = total
        self._said_s = 0.0
        self._bar: Any = None
        if not args.quiet and sys.stdout.isatty():
            try:
                from rich.progress import Progress
            except ModuleNotFoundError:
                return
            self._bar = Progress(transient=True)
            self._bar.start()
            self._task = self._bar.add_task(args.command, total=total)

    def show(self, outcome: Outcome, elapsed_s: float) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=outcome.frames)
        elif elapsed_s - self._said_s >= _LINE_EVERY_S:
            self._said_s = elapsed_s
            of = f" of {self._total}" if self._total is not None else ""
            rate = f"{outcome.frames / elapsed_s:.2f} per second"
            say(self._args, f"{outcome.frames}{of} frames, {rate}, {outcome.late} late")

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
