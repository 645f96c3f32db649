"""What do people who look cost the frames? p99 with five open pages over p99 with none.

    .venv/bin/python benchmarks/viewers.py [--rounds 16] [--seconds 8]

One service, and by turns no viewer and five, each asking for pictures and states as the page does.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from harness import Report, Row, quick_parser, say, significant, spread
from onlookers import PX, Onlookers, onlookers
from paired_rounds import frames_beyond, in_order, pooled, rank, ratio_of_percentiles
from scopeside.client.publisher import FramePublisher
from scopeside.demo.processes import Child
from scopeside.testing.specimen import IrradiatedFilm
from served import served
from service_overhead import READY_S, Collector, warmed_up

VIEWERS = 5
ROUNDS = 16
SECONDS = 8.0
"""With `ROUNDS`, enough that ten frames of the slower load are slower than its p99."""
SETTLE_S = 1.5
"""Before every turn, uncounted: viewers come or go, and caches are theirs or not."""
DISTINCT = 6
PERCENT = 99.0


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


@dataclass(kw_only=True)
class Turns:
    """What one condition took, round by round."""

    took_s: list[list[float]] = field(default_factory=list)
    serve_cores: list[float] = field(default_factory=list)
    web_cores: list[float] = field(default_factory=list)

    def percentile_ms(self, percent: float) -> float:
        return significant(1e3 * rank(pooled(self.took_s), percent))


@dataclass(frozen=True, kw_only=True)
class Apparatus:
    publisher: FramePublisher
    collector: Collector
    viewers: Onlookers
    serve: psutil.Process
    web: psutil.Process

    def send(self, images: Sequence[np.ndarray], rate_hz: float, seconds: float) -> list[float]:
        """Send for so long at this rate; return how long each frame took, in seconds."""
        first = self.publisher.frames_sent
        begun_s = time.monotonic()
        for number in range(max(1, round(rate_hz * seconds))):
            time.sleep(max(0.0, begun_s + number / rate_hz - time.monotonic()))
            self.publisher.frame(images[number % len(images)])
        if not self.collector.wait_for(self.publisher.frames_sent - 1, READY_S):
            raise SystemExit("The service gave no result for the last frame.")
        return [one.published_s for one in self.collector.arrivals if one.frame >= first]

    def turn(
        self, into: Turns, images: Sequence[np.ndarray], rate_hz: float, seconds: float
    ) -> None:
        """Measure one turn; whether anybody looks is settled before."""
        self.send(images, rate_hz, SETTLE_S)
        before_s, begun_s = (_cpu_s(self.serve), _cpu_s(self.web)), time.monotonic()
        into.took_s.append(self.send(images, rate_hz, seconds))
        spent_s = time.monotonic() - begun_s
        into.serve_cores.append((_cpu_s(self.serve) - before_s[0]) / spent_s)
        into.web_cores.append((_cpu_s(self.web) - before_s[1]) / spent_s)


def _cpu_s(process: psutil.Process) -> float:
    return float(sum(process.cpu_times()[:2]))


@contextmanager
def apparatus(load: Load, folder: Path) -> Iterator[Apparatus]:
    with (
        service(load, folder) as (publisher, collector, address, child),
        onlookers(address, VIEWERS) as viewers,
    ):
        yield Apparatus(
            publisher=publisher,
            collector=collector,
            viewers=viewers,
            serve=psutil.Process(child.pid),
            web=web_process(child.pid),
        )


@contextmanager
def service(load: Load, folder: Path) -> Iterator[tuple[FramePublisher, Collector, str, Child]]:
    shape = f"--set=service.frame_shape=[{load.shape[0]},{load.shape[1]}]"
    with served(folder, *load.options, shape) as at:
        publisher = at.stack.enter_context(FramePublisher(at.frames, socket="push"))
        collector = Collector(at.results)
        collector.start()
        at.stack.callback(collector.close)
        if not publisher.wait_for_subscriber(READY_S):
            raise SystemExit("The service never connected to the publisher.")
        yield publisher, collector, at.web.replace("http://", "ws://") + "/live", at.child


def web_process(pid: int) -> psutil.Process:
    for child in psutil.Process(pid).children():
        if "scopeside.web.process" in child.cmdline():
            return child
    raise SystemExit("The service has no web process: are its packages installed?")


def distinct_frames(shape: tuple[int, int]) -> list[np.ndarray]:
    film = IrradiatedFilm(shape=shape)
    doses = np.linspace(0.3, 0.7, DISTINCT) * film.dose_full_e_per_m2
    return [film.expose(dose).counts_YX.astype("<u2") for dose in doses]


def measure(load: Load, *, rounds: int, seconds: float) -> Row:
    """Return p99 without and with viewers over all rounds, and what looking takes of processors."""
    images = distinct_frames(load.shape)
    alone, watched, pictures = Turns(), Turns(), 0
    with tempfile.TemporaryDirectory() as folder, apparatus(load, Path(folder)) as its:
        its.publisher.start("viewers")
        warmed_up(its.publisher, its.collector, images)
        busy_s = float(np.median([one.published_s for one in its.collector.arrivals[-10:]]))
        rate_hz = min(load.rate_hz, load.share / busy_s)
        its.send(images, rate_hz, seconds)  # the first seconds are slower, whoever looks
        for number in range(rounds):
            for looked_at in in_order(number):
                if looked_at:
                    its.viewers.look()
                its.turn(watched if looked_at else alone, images, rate_hz, seconds)
                if looked_at:
                    pictures += its.viewers.rest()
    return row(load, rate_hz, alone, watched, pictures / (rounds * (seconds + SETTLE_S)))


def row(load: Load, rate_hz: float, alone: Turns, watched: Turns, pictures_per_s: float) -> Row:
    ratio = ratio_of_percentiles(alone.took_s, watched.took_s, PERCENT)
    middle = ratio_of_percentiles(alone.took_s, watched.took_s, 50.0)
    more = np.subtract(watched.serve_cores, alone.serve_cores)
    return {
        "load": load.name,
        "rate_hz": significant(rate_hz),
        "frames_each": len(pooled(alone.took_s)),
        "beyond_p99": frames_beyond(alone.took_s, PERCENT),
        "p50_alone_ms": alone.percentile_ms(50.0),
        "p50_watched_ms": watched.percentile_ms(50.0),
        "p50_ratio": significant(middle.value),
        "p99_alone_ms": alone.percentile_ms(PERCENT),
        "p99_watched_ms": watched.percentile_ms(PERCENT),
        "p99_ratio": significant(ratio.value),
        "p99_ratio_low": significant(ratio.low),
        "p99_ratio_high": significant(ratio.high),
        "pictures_a_viewer_per_s": significant(pictures_per_s / VIEWERS),
        "serve_more_cores": spread(more, digits=2),
        "web_process_cores": significant(float(np.mean(watched.web_cores))),
    }


def main() -> None:
    parser = quick_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    arguments = parser.parse_args()
    report = Report(
        name="viewers",
        question="What do people who look cost the frames?",
        how=(
            f"One service at a steady rate; by turns no viewer and {VIEWERS}, "
            f"{arguments.rounds} rounds of {arguments.seconds:g} s each, the order turned round "
            f"with every round, the first {SETTLE_S:g} s of a turn uncounted. Viewers ask for "
            f"pictures of {PX} px and for states as the page does, in a process of its own that "
            "runs when a core is idle (SCHED_IDLE), since they would be on another machine. Times "
            "are the published service_s. Percentiles are of all frames of a condition; low and "
            "high are the ends of the 95 % interval of the ratio, by drawing rounds again. "
            "serve_more_cores is what the service's own process takes beyond a turn without "
            "viewers."
        ),
    )
    rows = []
    for load in LOADS:
        found = measure(load, rounds=arguments.rounds, seconds=arguments.seconds)
        rows.append(found)
        say(
            f"{load.name}: p99 {found['p99_alone_ms']} ms, watched {found['p99_watched_ms']} ms, "
            f"ratio {found['p99_ratio']} ({found['p99_ratio_low']} to {found['p99_ratio_high']})"
        )
        report.aim(
            f"p99 with {VIEWERS} viewers over p99 with none, {load.name}",
            "at most",
            1.1,
            "",
            found["p99_ratio"],
        )
    report.table("Received to published, with nobody looking and with five", rows)
    report.write()


if __name__ == "__main__":
    main()
