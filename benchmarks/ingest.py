"""How much of what a bare pyzmq loop receives does the ingest stage keep up with?

    .venv/bin/python benchmarks/ingest.py [--frames 1500] [--rounds 21]

A sender process pushes 1 MB frames as fast as they are taken. Receivers take turns, a fresh
sender each: `recv_multipart` with and without copying, and the ingest stage (receive, decode,
gate, books), its frames thrown away where they are queued, or by a thread that takes them from the
service's channel.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Literal

import numpy as np
import zmq

from harness import Report, Row, quick_parser, say, spread
from scopeside.channels import Channel, EndOfChannelError
from scopeside.client.publisher import FramePublisher
from scopeside.demo.processes import free_endpoints
from scopeside.messages import Frame
from scopeside.runtime.service import SWITCH_INTERVAL_S
from scopeside.settings import IngestSettings, LimitSettings
from scopeside.stages.books import Books
from scopeside.stages.ingest import Ingest
from scopeside.stages.intake import Intake

SHAPE = (1024, 1024)
JOIN_S = 30.0
HWM_MESSAGES = IngestSettings().hwm_messages

Context = zmq.Context[zmq.Socket[bytes]]


def send(endpoint: str, frames: int) -> None:
    """The sender process: one series of equal frames, each with its own header."""
    image_YX = np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)
    with FramePublisher(endpoint, socket="push", linger_s=JOIN_S) as publisher:
        if not publisher.wait_for_subscriber(JOIN_S):
            raise SystemExit("No receiver connected.")
        publisher.start("ingest")
        for _ in range(frames):
            publisher.frame(image_YX)
        publisher.end()


def bare(endpoint: str, frames: int, context: Context, *, copy: bool) -> float:
    """Frames a second of a loop that does nothing but receive."""
    socket = context.socket(zmq.PULL)
    try:
        socket.setsockopt(zmq.RCVHWM, HWM_MESSAGES)
        socket.setsockopt(zmq.RCVTIMEO, int(1000 * JOIN_S))
        socket.connect(endpoint)
        socket.recv_multipart(copy=copy)  # the start of the series
        socket.recv_multipart(copy=copy)
        begun_s = time.perf_counter()
        for _ in range(frames - 1):
            socket.recv_multipart(copy=copy)
        return (frames - 1) / (time.perf_counter() - begun_s)
    finally:
        socket.close(linger=0)


class Discarding:
    """A frame queue that keeps nothing and notes when its first and its last frame came."""

    policy: Literal["lossless"] = "lossless"

    def __init__(self, books: Books, frames: int) -> None:
        self._books = books
        self._frames = frames
        self._taken = 0
        self._begun_s = 0.0
        self.took_s = 0.0
        self.done = Event()

    def put(self, item: Frame) -> None:
        self._taken += 1
        if self._taken == 1:
            self._begun_s = time.perf_counter()
        if self._taken == self._frames:
            self.took_s = time.perf_counter() - self._begun_s
            # What comes after ingest is not timed, but the books must balance.
            for _ in range(self._frames):
                self._books.segmented(item.series)
                self._books.published(item.series)
            self.done.set()

    def wait_for_room(self, *, timeout_s: float | None = None) -> bool:
        del timeout_s
        return True


def ingested(endpoint: str, frames: int, context: Context, *, handed_over: bool) -> float:
    """Frames a second through the ingest stage, thrown away at once or by another thread."""
    books = Books()
    sink = Discarding(books, frames)
    channel: Channel[Frame] = Channel(
        name="frames", policy="lossless", capacity=IngestSettings().queue_frames
    )
    limits = LimitSettings()
    intake = Intake(
        limits=limits,
        frames=channel if handed_over else sink,
        books=books,
        emit=lambda _event: None,
        same_host=True,
    )
    settings = IngestSettings(endpoint=endpoint, socket="pull", attach="connect")
    ingest = Ingest(settings, limits, context=context, intake=intake)
    stop = Event()
    threads = [Thread(target=ingest.run, args=(stop,))]
    if handed_over:
        threads.append(Thread(target=throw_away, args=(channel, sink)))
    for thread in threads:
        thread.start()
    done = sink.done.wait(JOIN_S)
    stop.set()
    channel.close()
    for thread in threads:
        thread.join()
    totals = books.totals()
    if not done or not totals.balanced or totals.segmented != frames:
        raise SystemExit(f"The books do not say that {frames} frames were taken: {totals}.")
    return (frames - 1) / sink.took_s


def throw_away(channel: Channel[Frame], sink: Discarding) -> None:
    while True:
        try:
            sink.put(channel.get())
        except EndOfChannelError:
            return


BARE = ("bare, copying", "bare, zero-copy")
ALONE, HANDED_OVER = "ingest", "ingest, handed to a thread"
RECEIVERS: dict[str, Callable[[str, int, Context], float]] = {
    BARE[0]: partial(bare, copy=True),
    BARE[1]: partial(bare, copy=False),
    ALONE: partial(ingested, handed_over=False),
    HANDED_OVER: partial(ingested, handed_over=True),
}


def one_turn(name: str, transport: str, frames: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        endpoint = free_endpoints(1)[0] if transport == "tcp" else f"ipc://{Path(folder) / 'f'}"
        sender = subprocess.Popen(
            [sys.executable, __file__, "--send", endpoint, "--frames", str(frames)]
        )
        context: Context = zmq.Context()
        try:
            return RECEIVERS[name](endpoint, frames, context)
        finally:
            context.destroy(linger=0)
            sender.terminate()
            sender.wait()


def main() -> None:
    parser = quick_parser(__doc__)
    parser.add_argument("--frames", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--send", metavar="ENDPOINT")
    arguments = parser.parse_args()
    if arguments.send:
        send(arguments.send, arguments.frames)
        return
    report = Report(
        name="ingest",
        question="How much of what a bare pyzmq loop receives does the ingest stage take in?",
        how=(
            f"PUSH to PULL over loopback, 1 MB frames, {arguments.frames} a turn, a fresh sender"
            f" process each, {arguments.rounds} rounds of all receivers in rotating order. A ratio"
            " is ingest over the bare loop of the same round, of the two loops the one that is"
            " better at the median."
        ),
    )
    sys.setswitchinterval(SWITCH_INTERVAL_S)  # as the service has it
    names = list(RECEIVERS)
    rates: list[Row] = []
    ratios: list[Row] = []
    for transport in ("tcp", "ipc"):
        taken: dict[str, list[float]] = {name: [] for name in names}
        for turn in range(arguments.rounds):
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                taken[name].append(one_turn(name, transport, arguments.frames))
        rates += [
            {"transport": transport, "receiver": name, "frames_per_s": spread(taken[name])}
            for name in names
        ]
        # The better of the two over all rounds; that of each round would be the luckier one.
        better = max(BARE, key=lambda name: float(np.median(taken[name])))
        for name in (ALONE, HANDED_OVER):
            share = spread(
                ours / theirs for ours, theirs in zip(taken[name], taken[better], strict=True)
            )
            ratios.append(
                {"transport": transport, "receiver": name, "over": better, "ratio": share}
            )
            say(f"{transport}, {name}: {share['median']:.3f} of the bare loop")
            if name is ALONE:
                report.aim(
                    f"ingest alone over the better bare pyzmq loop, {transport}",
                    "at least",
                    0.9,
                    "",
                    share["median"],
                )
    report.table("Frames taken in a second", rates)
    report.table("Ingest over the bare loop of the same round", ratios)
    report.write()


if __name__ == "__main__":
    main()
