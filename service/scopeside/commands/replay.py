"""Publish recorded streams and files on schedule."""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread

from scopeside.client.publisher import FramePublisher
from scopeside.commands.publishing import (
    INTERRUPTED,
    require_shared,
    say,
    wait_for_receiver,
    write_report,
)
from scopeside.commands.publishing_arguments import (
    DEFAULT_ENDPOINT,
    add_sending_arguments,
    rate,
)
from scopeside.commands.replay_inputs import named_source
from scopeside.commands.replay_report import figures, line
from scopeside.commands.stopping import StopFlag, stopping
from scopeside.errors import ConfigError
from scopeside.replaying.item import Source
from scopeside.replaying.pace import Pace
from scopeside.replaying.stream import Stream

DEFAULT_RATE_HZ = 5.0
"""Of an input that does not say when its frames were taken."""

DEFAULT_HWM = {"pub": 1000, "push": 16}
"""Messages held: a second of small frames, so that a busy moment of the receiver loses none; with
PUSH few, since whatever waits when the receiver stops is lost."""

LINGER_S = 2.0
"""Time for what is under way at the end; with PUSH as long as `--wait`, unless it is stopped."""

LINE_EVERY_S = 5.0
LOOK_S = 0.1

SWITCH_INTERVAL_S = 0.0002
"""Python's own 5 ms would let the thread that reads ahead hold up a send."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "inputs",
        nargs="+",
        type=Path,
        metavar="INPUT",
        help="a recording, a file of frames or a folder of images; several are sent at once",
    )
    parser.add_argument(
        "--to",
        action="append",
        metavar="ENDPOINT",
        help=f"where frames go; once, or once for each input (default: {DEFAULT_ENDPOINT})",
    )
    add_sending_arguments(parser)
    _add_pace_arguments(parser)
    parser.add_argument(
        "--loop",
        type=int,
        default=1,
        metavar="N",
        help="times to go through the input; 0 for ever (default: %(default)s)",
    )
    parser.add_argument(
        "--first", type=int, default=0, metavar="N", help="first frame, counted from 0"
    )
    parser.add_argument("--last", type=int, metavar="N", help="last frame, itself included")
    parser.add_argument("--frames", type=int, metavar="N", help="stop after so many frames")
    parser.add_argument(
        "--hwm",
        type=int,
        metavar="N",
        help="messages held for a receiver that lags, before pub drops (default: "
        f"{DEFAULT_HWM['pub']}) and push waits (default: {DEFAULT_HWM['push']})",
    )
    parser.add_argument(
        "--times",
        choices=("now", "recorded"),
        default="now",
        help="whether t_ns says when a frame was due, or what was recorded (default: %(default)s)",
    )
    parser.add_argument(
        "--verbatim",
        action="store_true",
        help="send a recording byte for byte, its series and times too",
    )


def _add_pace_arguments(parser: argparse.ArgumentParser) -> None:
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument(
        "--rate",
        type=rate,
        metavar="HZ",
        help="frames a second; 0 as --fast (default for inputs without times: "
        f"{DEFAULT_RATE_HZ:g})",
    )
    pace.add_argument(
        "--speed",
        type=float,
        metavar="FACTOR",
        help="as it was recorded, so many times as fast (default for inputs with times: 1)",
    )
    pace.add_argument(
        "--fast",
        action="store_true",
        help="as fast as it goes: with push as the receiver takes it, with pub without waiting",
    )
    parser.add_argument(
        "--jitter",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="move every frame by a random time (default: %(default)s)",
    )
    parser.add_argument(
        "--jitter-model",
        choices=("normal", "uniform", "exponential"),
        default="normal",
        help="SECONDS are the standard deviation, the most, or the mean (default: %(default)s)",
    )
    parser.add_argument(
        "--burst",
        type=int,
        default=1,
        metavar="N",
        help="send frames in groups of N, when the last of them is due (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the jitter (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    endpoints = _endpoints(args)
    if not (0 <= args.jitter < 1e6 and args.burst >= 1 and (args.hwm is None or args.hwm >= 1)):
        raise ConfigError("--jitter must be 0 s or more, and --burst and --hwm 1 or more.")
    if args.speed is not None and not 0 < args.speed < 1e9:
        raise ConfigError("--speed must be above 0.")
    with ExitStack() as open_things, stopping() as stopped:
        streams = []
        for number, (path, endpoint) in enumerate(endpoints):
            source = open_things.enter_context(
                named_source(path, args, number=number, several=len(endpoints) > 1)
            )
            say(args, source.about)
            publisher = open_things.enter_context(
                FramePublisher(
                    endpoint,
                    socket=args.socket,
                    attach=args.attach,
                    hwm_messages=args.hwm or DEFAULT_HWM[args.socket],
                    linger_s=LINGER_S if args.socket == "pub" else max(LINGER_S, args.wait),
                )
            )
            pace = _pace(args, source.source, number)
            streams.append(
                Stream(source.source, publisher, pace=pace, stopped=stopped, patience_s=args.wait)
            )
        _say_who_is_left_behind(args, streams)
        for stream in streams:
            if not wait_for_receiver(stream.publisher, args, stopped):
                break
        else:
            with _without_pauses():
                _run_all(args, streams, stopped)
        if stopped():
            for stream in streams:
                stream.publisher.linger(LINGER_S)
        return _conclude(args, streams, stopped)


def _endpoints(args: argparse.Namespace) -> list[tuple[Path, str]]:
    """Return every input with its endpoint; either may stand for all."""
    inputs, endpoints = args.inputs, list(map(require_shared, args.to or [DEFAULT_ENDPOINT]))
    if len(inputs) == 1:
        inputs = inputs * len(endpoints)
    if len(endpoints) == 1:
        endpoints = endpoints * len(inputs)
    if len(inputs) != len(endpoints):
        raise ConfigError(
            f"{len(inputs)} inputs and {len(endpoints)} endpoints do not go together: give --to "
            "once, or once for each input."
        )
    if args.attach == "bind" and len(set(endpoints)) < len(endpoints):
        raise ConfigError(
            "An endpoint can be bound once: give --to for each input, or --attach connect."
        )
    return list(zip(inputs, endpoints, strict=True))


def _pace(args: argparse.Namespace, source: Source, number: int) -> Pace:
    """Return the pace asked for; by default as recorded, where the input says how that was."""
    speed, rate_hz = args.speed, args.rate
    if speed is not None and not source.timed:
        raise ConfigError(
            f"{source.name} does not say when its frames were taken: give --rate instead of "
            "--speed."
        )
    if not args.fast and speed is None and rate_hz is None:
        speed, rate_hz = (1.0, None) if source.timed else (None, DEFAULT_RATE_HZ)
    return Pace(
        speed=speed,
        rate_hz=rate_hz or None,
        jitter_s=args.jitter,
        jitter=args.jitter_model,
        burst=args.burst,
        seed=args.seed + number,
    )


def _say_who_is_left_behind(args: argparse.Namespace, streams: list[Stream]) -> None:
    if args.socket == "pub" and not all(stream.paced for stream in streams):
        held = args.hwm or DEFAULT_HWM["pub"]
        say(
            args,
            f"pub waits for nobody: a receiver more than {held} messages behind loses frames, and "
            "nobody counts them; --socket push waits",
        )


def _run_all(args: argparse.Namespace, streams: list[Stream], stopped: StopFlag) -> None:
    """Run every stream in a thread of its own, saying now and then how far they are.

    A stream that fails ends the others; its error is raised.
    """
    failures: list[BaseException] = []

    def guarded(stream: Stream) -> None:
        try:
            stream.run()
        except BaseException as error:  # noqa: BLE001  raised again below
            failures.append(error)

    threads = [Thread(target=guarded, args=(stream,), daemon=True) for stream in streams]
    for thread in threads:
        thread.start()
    say_s = time.monotonic() + LINE_EVERY_S
    while any(thread.is_alive() for thread in threads):
        for thread in threads:
            thread.join(LOOK_S)
        if failures:
            stopped.is_set = True
        if time.monotonic() >= say_s:
            say_s += LINE_EVERY_S
            for stream in streams:
                of = f" of {stream.source.frames}" if stream.source.frames is not None else ""
                say(args, f"{stream.sent.frames}{of} frames, {stream.sent.lateness.late} late")
    if failures:
        raise failures[0]


def _conclude(args: argparse.Namespace, streams: list[Stream], stopped: StopFlag) -> int:
    for stream in streams:
        say(args, line(stream))
    if args.report is not None:
        reports = [figures(stream, args.socket) for stream in streams]
        write_report(args.report, reports[0] if len(reports) == 1 else {"streams": reports})
    return INTERRUPTED if stopped() else 0


@contextmanager
def _without_pauses() -> Iterator[None]:
    """Keep Python's own pauses short: threads take turns often, and what start-up made is out of
    the garbage collector's sight, which walks through all of it else (20 ms)."""
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        sys.setswitchinterval(before_s)
