"""What do people who look cost the frames? p99 with five open pages over p99 with none.

    .venv/bin/python benchmarks/viewers.py [--rounds 6] [--seconds 20]

One service, and by turns no viewer and five, each asking for pictures and states as the page does.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from websockets.asyncio.client import connect

from harness import Report, Row, quick_parser, say, significant, spread
from scopeside.client.publisher import FramePublisher
from scopeside.demo.processes import Child, children, free_endpoints
from scopeside.latency import Percentiles
from scopeside.testing.specimen import IrradiatedFilm
from service_overhead import READY_S, Collector, wait_until_ready, warmed_up

VIEWERS = 5
ROUNDS = 6
SECONDS = 20.0
PX = 640
"""What the page asks for in a window of 1280 x 720."""
SETTLE_S = 1.5
"""Between two turns, uncounted: viewers come or go."""
DISTINCT = 6


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is streamed: at a share of the rate that the service can hold, or at `rate_hz` if that
    is less; near the highest rate every hiccup of the machine makes a queue."""

    name: str
    shape: tuple[int, int]
    options: Sequence[str]
    rate_hz: float = math.inf
    share: float = 0.5


LOADS = (
    Load(
        name="256 x 256, null embedder, 100 frames/s or half of what it holds",
        shape=(256, 256),
        options=["--set=embed.backend=null"],
        rate_hz=100.0,
    ),
    Load(
        name="512 x 512, shared mode, at half the rate it holds",
        shape=(512, 512),
        options=["--config=fast"],
    ),
)


async def view(address: str) -> int:
    """Look as a page does until cancelled: the next picture once the last is here."""
    pictures = 0
    async with connect(address, max_size=None) as socket:
        after, cursors = 0, {"frames": [0, 0], "service": [0, 0], "event": 0}

        async def ask(kind: str) -> None:
            more = {"after": after, "px": PX, "confidence": False} if kind == "picture" else cursors
            await socket.send(json.dumps({"type": kind, **more}))

        await ask("picture")
        await ask("state")
        try:
            async for message in socket:
                if isinstance(message, bytes):
                    (length,) = struct.unpack_from("<I", message)
                    after = json.loads(message[4 : 4 + length])["seq"]
                    pictures += 1
                    await ask("picture")
                else:
                    told = json.loads(message)
                    for key in ("frames", "service"):
                        cursors[key] = [told[key]["version"], told[key]["count"]]
                    cursors["event"] = told["event"]
                    await ask("state")
        except asyncio.CancelledError:
            pass
    return pictures


async def view_until_told(address: str, count: int) -> int:
    """Let `count` viewers look until standard input ends; return what they saw."""
    viewers = [asyncio.create_task(view(address)) for _ in range(count)]
    await asyncio.to_thread(sys.stdin.read)
    for viewer in viewers:
        viewer.cancel()
    return sum(await asyncio.gather(*viewers))


@contextmanager
def viewers(address: str, count: int) -> Iterator[list[int]]:
    """Viewers in a process of their own at the least priority, as if on another machine."""
    seen: list[int] = []
    process = subprocess.Popen(
        [sys.executable, __file__, "--view", address, "--viewers", str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield seen
    finally:
        out, _ = process.communicate()
        seen.append(int(out))


@contextmanager
def service(load: Load, folder: Path) -> Iterator[tuple[FramePublisher, Collector, str, Child]]:
    frames, results, events, control, web = free_endpoints(5)
    web = web.replace("tcp://", "http://")
    sets = {
        "ingest.endpoint": frames,
        "ingest.socket": "pull",
        "publish.results": results,
        "publish.events": events,
        "control.endpoint": control,
        "http.endpoint": web,
        "service.frame_shape": f"[{load.shape[0]}, {load.shape[1]}]",
    }
    words = [*load.options, *(f"--set={key}={value}" for key, value in sets.items())]
    with children() as stack:
        child = Child(["serve", *words], log=folder / "serve.log")
        stack.callback(child.stop)
        publisher = stack.enter_context(FramePublisher(frames, socket="push"))
        wait_until_ready(child, control)
        collector = Collector(results)
        collector.start()
        stack.callback(collector.close)
        if not publisher.wait_for_subscriber(READY_S):
            raise SystemExit("The service never connected to the publisher.")
        yield publisher, collector, web.replace("http://", "ws://") + "/live", child


def turn(
    publisher: FramePublisher,
    collector: Collector,
    images: Sequence[np.ndarray],
    *,
    rate_hz: float,
    seconds: float,
) -> list[float]:
    """Send for so long at this rate; return how long each frame took, in seconds."""
    first = publisher.frames_sent
    begun_s = time.monotonic()
    for number in range(max(1, round(rate_hz * seconds))):
        time.sleep(max(0.0, begun_s + number / rate_hz - time.monotonic()))
        publisher.frame(images[number % len(images)])
    if not collector.wait_for(publisher.frames_sent - 1, READY_S):
        raise SystemExit("The service gave no result for the last frame.")
    return [one.published_s for one in collector.arrivals if one.frame >= first]


def distinct_frames(shape: tuple[int, int]) -> list[np.ndarray]:
    film = IrradiatedFilm(shape=shape)
    doses = np.linspace(0.3, 0.7, DISTINCT) * film.dose_full_e_per_m2
    return [film.expose(dose).counts_YX.astype("<u2") for dose in doses]


def measure(load: Load, *, rounds: int, seconds: float) -> Row:
    """Return p99 without and with viewers, over all rounds and as a ratio within each."""
    images = distinct_frames(load.shape)
    took_s: dict[int, list[float]] = {0: [], VIEWERS: []}
    ratios, pictures, web_cpu_s = [], 0, 0.0
    with (
        tempfile.TemporaryDirectory() as folder,
        service(load, Path(folder)) as (publisher, collector, address, child),
    ):
        publisher.start("viewers")
        warmed_up(publisher, collector, images)
        busy_s = float(np.median([one.published_s for one in collector.arrivals[-10:]]))
        rate_hz = min(load.rate_hz, load.share / busy_s)
        web = web_process(child.pid)
        for number in range(rounds):
            p99_s = {}
            # Whichever comes first in a round, so that a drift of the machine favours neither.
            for count in (0, VIEWERS) if number % 2 == 0 else (VIEWERS, 0):
                before_s = sum(web.cpu_times()[:2])
                with viewers(address, count) if count else no_viewers() as seen:
                    turn(publisher, collector, images, rate_hz=rate_hz, seconds=SETTLE_S)
                    durations = turn(publisher, collector, images, rate_hz=rate_hz, seconds=seconds)
                took_s[count] += durations
                p99_s[count] = Percentiles.of(durations).p99_s
                if count:
                    pictures += sum(seen)
                    web_cpu_s += sum(web.cpu_times()[:2]) - before_s
            ratios.append(p99_s[VIEWERS] / p99_s[0])
    alone, watched = (Percentiles.of(took_s[count]) for count in (0, VIEWERS))
    shown_s = rounds * (seconds + SETTLE_S)
    return {
        "load": load.name,
        "rate_hz": significant(rate_hz),
        "frames": len(took_s[0]) + len(took_s[VIEWERS]),
        "p50_alone_ms": significant(1e3 * alone.p50_s),
        "p50_watched_ms": significant(1e3 * watched.p50_s),
        "p99_alone_ms": significant(1e3 * alone.p99_s),
        "p99_watched_ms": significant(1e3 * watched.p99_s),
        "p99_ratio": significant(watched.p99_s / alone.p99_s),
        "p99_ratio_of_rounds": spread(ratios),
        "pictures_a_viewer_per_s": significant(pictures / VIEWERS / shown_s),
        "web_process_cores": significant(web_cpu_s / shown_s),
    }


@contextmanager
def no_viewers() -> Iterator[list[int]]:
    yield []


def web_process(pid: int) -> psutil.Process:
    for child in psutil.Process(pid).children():
        if "scopeside.web.process" in child.cmdline():
            return child
    raise SystemExit("The service has no web process: are its packages installed?")


def main() -> None:
    parser = quick_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--view", metavar="ADDRESS", help="be the viewers (used by itself)")
    parser.add_argument("--viewers", type=int, default=VIEWERS)
    arguments = parser.parse_args()
    if arguments.view:
        # As if on another machine: they get what nobody here wants.
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        print(asyncio.run(view_until_told(arguments.view, arguments.viewers)))
        return
    report = Report(
        name="viewers",
        question="What do people who look cost the frames?",
        how=(
            f"One service at a steady rate; by turns no viewer and {VIEWERS}, "
            f"{arguments.rounds} rounds of {arguments.seconds:g} s each, the order turned round "
            "with every round. Viewers ask for pictures of 640 px and for states as the page "
            "does, in a process of its own that runs when a core is idle (SCHED_IDLE), since they "
            "would be on another machine. Times are the published service_s."
        ),
    )
    rows = []
    for load in LOADS:
        row = measure(load, rounds=arguments.rounds, seconds=arguments.seconds)
        rows.append(row)
        say(f"{load.name}: p99 {row['p99_alone_ms']} ms, watched {row['p99_watched_ms']} ms")
        report.aim(
            f"p99 with {VIEWERS} viewers over p99 with none, {load.name}",
            "at most",
            1.1,
            "",
            row["p99_ratio"],
        )
    report.table("Received to published, with nobody looking and with five", rows)
    report.write()


if __name__ == "__main__":
    main()
