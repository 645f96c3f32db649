"""Does replay keep its schedule, and does a long replay leave the service as it was?

    .venv/bin/python benchmarks/replay.py [--frames N]

Paces: `replay` as a process sends small frames, 1,000 a second, to a receiver that only counts.
The long run: `replay --fast` pushes them through `serve`, which records them too; memory is sampled
from outside, and the books are compared with what was sent.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import zmq

from harness import Report, Row, quick_parser, say, significant, spread
from scopeside.client.control import ControlClient
from scopeside.client.pacing import Pacer
from scopeside.recording.reader import Recording
from scopeside.recording.verify import verify
from scopeside.testing.specimen import IrradiatedFilm
from scopeside.wire.native import TOPIC_END, TOPIC_FRAME

RATE_HZ = 1000
PACE_FRAMES = 8000
ROUNDS = 3
SHAPE = (96, 64)
DIFFERENT = 200
"""Frames in the file, which loops."""

SAMPLE_S = 0.25
SETTLED = 0.1
"""Share of the long run after which memory must not grow any more: buffers have their size."""

SERVICE = ["embed.backend=null", "chips.size_px=32", f"service.frame_shape=[{SHAPE[0]},{SHAPE[1]}]"]
READY_S = 120.0


REAL_TIME = ("chrt", "-f", "5")
"""A program that need not wait for the time slices of others; only root may ask for it."""


def scopeside(*words: str, before: Sequence[str] = (), **options: Any) -> subprocess.Popen[bytes]:
    command = [*before, sys.executable, "-m", "scopeside", *words]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, **options)


def free_endpoint() -> str:
    """An endpoint on TCP. Over ipc a PUSH that closes takes along what a receiver at its high-water
    mark has not read yet."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{probe.getsockname()[1]}"


def film(folder: Path) -> Path:
    """A file of small frames, as uint16 counts."""
    specimen = IrradiatedFilm(shape=(96, 96))
    frames_NYX = np.stack(
        [
            specimen.expose(specimen.dose_full_e_per_m2 * at / DIFFERENT, number=at).counts_YX[
                : SHAPE[0], : SHAPE[1]
            ]
            for at in range(DIFFERENT)
        ]
    )
    path = folder / "film.npy"
    np.save(path, frames_NYX.astype("<u2"))
    return path


def counted(endpoint: str, ready: threading.Event) -> Row:
    """Receive until a series ends; a process of its own is not worth it, since waiting is all."""
    context = zmq.Context()
    receiver = context.socket(zmq.SUB)
    receiver.setsockopt(zmq.LINGER, 0)
    receiver.setsockopt(zmq.RCVHWM, 0)
    receiver.setsockopt(zmq.SUBSCRIBE, b"")
    receiver.connect(endpoint)
    ready.set()
    frames = 0
    while receiver.poll(60_000):
        topic = receiver.recv_multipart()[0]
        frames += topic == TOPIC_FRAME
        if topic == TOPIC_END:
            break
    receiver.close()
    context.term()
    return {"received": frames}


def paced(source: Path, words: Sequence[str], before: Sequence[str], folder: Path) -> Row:
    """One replay to a receiver that only counts; what it says of its lateness."""
    report = folder / "paced.json"
    with receiving(folder) as (endpoint, found):
        scopeside(
            *("replay", str(source), "--to", endpoint, *words, "--report", str(report), "--quiet"),
            before=before,
        ).wait()
    said = json.loads(report.read_text())
    return found | {"sent": said["frames"], "rate_hz": said["rate_hz"]} | said["lateness"]


def paced_barely(before: Sequence[str], folder: Path) -> Row:
    """The bare loop to the same receiver, a process of its own as replay is."""
    with receiving(folder) as (endpoint, found):
        done = subprocess.run(
            [*before, sys.executable, __file__, "--bare", endpoint],
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
    return found | json.loads(done.stdout.splitlines()[-1])


@contextmanager
def receiving(folder: Path) -> Iterator[tuple[str, Row]]:
    """An endpoint whose receiver only counts; what it counted is there after the block."""
    endpoint = f"ipc://{folder}/paced"
    found: Row = {}
    ready = threading.Event()
    receiver = threading.Thread(target=lambda: found.update(counted(endpoint, ready)))
    receiver.start()
    ready.wait()
    yield endpoint, found
    receiver.join()


def bare(endpoint: str) -> Row:
    """The least that any program can do with pyzmq: sleep until it is time, and send the same bytes
    again. Lateness is noted just before the send, as replay notes it."""
    pacer = Pacer(RATE_HZ)
    payload = bytes(2 * SHAPE[0] * SHAPE[1])
    with zmq.Context() as context, context.socket(zmq.XPUB) as socket:
        socket.setsockopt(zmq.SNDHWM, PACE_FRAMES)
        socket.bind(endpoint)
        socket.recv()  # the receiver is there
        for number in range(PACE_FRAMES):
            pacer.wait(number, stopped=lambda: False)
            socket.send_multipart([TOPIC_FRAME, b"header", payload], copy=False)
        socket.send_multipart([TOPIC_END, b"header"])
    return {"sent": PACE_FRAMES} | pacer.lateness.figures()


BARE = "a bare pyzmq loop"
AT_REAL_TIME = "at real-time priority"

Paced = tuple[Path, Sequence[str], Sequence[str]]
"""A source, the words that say its pace, and those before the command."""


def pace_rows(report: Report, sources: dict[str, Paced], folder: Path) -> None:
    # A control beside every priority: only rows of the same one compare.
    bares: dict[str, Sequence[str]] = {BARE: ()}
    if any(before for _, _, before in sources.values()):
        bares[f"{BARE} {AT_REAL_TIME}"] = REAL_TIME
    runs: dict[str, list[Row]] = {name: [] for name in (*bares, *sources)}
    for number in range(ROUNDS):
        for name, before in bares.items():
            runs[name].append(paced_barely(before, folder))
            say(f"round {number + 1}, {name}: p99 {1e3 * runs[name][-1]['p99_s']:.2f} ms")
        for name, (path, words, before) in sources.items():
            row = paced(path, words, before, folder)
            runs[name].append(row)
            say(f"round {number + 1}, {name}: p99 {1e3 * row['p99_s']:.2f} ms, {row['late']} late")
    report.table(
        f"Lateness of sends at {RATE_HZ} frames a second",
        [
            {
                "source": name,
                "frames": rows[0]["sent"],
                "received": min(
                    (row["received"] for row in rows if "received" in row), default=None
                ),
                "p50_ms": spread(1e3 * row["p50_s"] for row in rows),
                "p99_ms": spread(1e3 * row["p99_s"] for row in rows),
                "worst_ms": significant(1e3 * max(row["worst_late_s"] for row in rows)),
                "late": spread(row["late"] for row in rows),
                "bunched": spread(row["bunched"] for row in rows),
            }
            for name, rows in runs.items()
        ],
    )
    for name in sources:
        rows = runs[name]
        usual = float(np.median([row["p99_s"] for row in rows]))
        report.aim(
            f"replay's send lateness at {RATE_HZ} frames/s, {name}, p99, median of {ROUNDS} rounds",
            "at most",
            1.0,
            "ms",
            1e3 * usual,
        )


@contextmanager
def serving(
    folder: Path, frames: str, recording: Path
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """`serve` as a process that pulls frames and records them; yields it and its control."""
    control = f"ipc://{folder}/control"
    sets = [
        *SERVICE,
        "ingest.socket=pull",
        f"ingest.endpoint={frames}",
        f"publish.results=ipc://{folder}/results",
        f"publish.events=ipc://{folder}/events",
        f"control.endpoint={control}",
        "http.endpoint=none",
    ]
    log = (folder / "serve.log").open("wb")
    process = scopeside(
        "serve", "--record", str(recording), *(f"--set={one}" for one in sets), stderr=log
    )
    try:
        with ControlClient(control) as client:
            client.wait_until("ready", READY_S)
        yield process, control
    finally:
        process.terminate()
        process.wait(30)
        log.close()


class Memory:
    """Samples the resident memory of a process and its children until told to stop."""

    def __init__(self, pid: int, total: int, segmented: Any) -> None:
        self.rows: list[tuple[float, float, float]] = []
        self._process = psutil.Process(pid)
        self._total = total
        self._segmented = segmented
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def growth_mib(self, which: int) -> tuple[float, float]:
        """Return the least memory after the run has settled, and the most after that."""
        settled = [row for row in self.rows if row[0] >= SETTLED]
        values = [row[which] for row in settled]
        # The median of the first and of the last tenth: single samples catch buffers in use.
        tenth = max(1, len(values) // 10)
        return float(np.median(values[:tenth])), float(np.median(values[-tenth:]))

    def _sample(self) -> None:
        while not self._stop.wait(SAMPLE_S):
            done = self._segmented() / self._total
            recorder = sum(child.memory_info().rss for child in self._process.children())
            self.rows.append((done, self._process.memory_info().rss / 2**20, recorder / 2**20))


def settled_totals(client: ControlClient, frames: int) -> Row:
    """Wait until every frame that was sent is in the books; what is missing then is missing."""
    until_s = time.monotonic() + READY_S
    while True:
        totals: Row = client.call("status")["totals"]
        if totals["received"] >= frames and not totals["in_flight"]:
            return totals
        if time.monotonic() >= until_s:
            return totals
        time.sleep(0.05)


def long_run(report: Report, source: Path, frames: int, folder: Path) -> None:
    recording, endpoint = folder / "long.h5", free_endpoint()
    with (
        serving(folder, endpoint, recording) as (process, control),
        ControlClient(control) as client,
    ):
        memory = Memory(process.pid, frames, lambda: client.call("status")["totals"]["segmented"])
        begun_s = time.monotonic()
        replay = scopeside(
            *("replay", str(source), "--to", endpoint, "--socket", "push"),
            *("--fast", "--loop", "0", "--frames", str(frames), "--quiet"),
        )
        replay.wait()
        memory.stop()
        totals = settled_totals(client, frames)
        seconds = time.monotonic() - begun_s
    with Recording(recording) as opened:
        verdict = verify(opened)
    settled = totals["segmented"] + sum(totals["dropped"].values()) + totals["duplicate"]
    rows = []
    for name, which in (("service", 1), ("recording process", 2)):
        first, last = memory.growth_mib(which)
        rows.append(
            {
                "process": name,
                "settled_mib": significant(first, 4),
                "last_mib": significant(last, 4),
                "grown_mib": significant(last - first),
            }
        )
        report.aim(
            f"growth of the {name}'s memory over {frames} frames",
            "at most",
            8.0,
            "MiB",
            last - first,
        )
    report.table("Memory in the long run", rows)
    report.table(
        "Books of the long run",
        [
            {
                "sent": frames,
                **{key: totals[key] for key in ("received", "segmented", "missing", "duplicate")},
                "dropped": sum(totals["dropped"].values()),
                "balanced": totals["received"] == settled,
                "recorded messages": verdict.messages,
                "recording sound": verdict.sound and verdict.complete,
                "seconds": significant(seconds, 4),
                "rate_hz": significant(frames / seconds, 4),
            }
        ],
    )
    report.aim(
        f"of {frames} frames in the long run, not segmented",
        "at most",
        0,
        "",
        frames - totals["segmented"],
    )
    report.aim(
        "messages of the long run not in the books, or not recorded",
        "at most",
        0,
        "",
        abs(totals["received"] - settled) + frames + 2 - verdict.messages,
    )


def main() -> int:
    parser = quick_parser(__doc__)
    parser.add_argument("--frames", type=int, default=20_000, help="of the long run")
    parser.add_argument("--bare", metavar="ENDPOINT", help="be the bare loop, and print how late")
    arguments = parser.parse_args()
    if arguments.bare:
        print(json.dumps(bare(arguments.bare)))
        return 0
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    report = Report(
        name="replay",
        question="Does replay keep its schedule, and does a long one leave the service as it was?",
        how=(
            f"Frames of {SHAPE[0]} x {SHAPE[1]} uint16. Paces: `replay` in a process of its own, to"
            f" a SUB socket that only counts, {ROUNDS} rounds by turns; lateness is the time from"
            " the scheduled to the actual send. The bare loop only sleeps and sends the same"
            " bytes to the same receiver, at either priority. The long run:"
            " `replay --fast --socket push` into `serve` with the null embedder, which records"
            " every message too; resident memory is"
            f" sampled every {SAMPLE_S} s, and what it was after {SETTLED:.0%} of the frames is"
            " compared with what it is at the end (medians of a tenth of the samples each)."
        ),
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = film(folder)
        recorded = folder / "run.h5"
        recorder = scopeside(
            *("record", "--from", f"ipc://{folder}/rec", "-o", str(recorded), "--until-end"),
            *("--quiet", "--socket", "pull"),
        )
        loops = str(PACE_FRAMES // DIFFERENT)
        scopeside(
            *("replay", str(source), "--to", f"ipc://{folder}/rec", "--socket", "push"),
            *("--rate", str(RATE_HZ), "--loop", loops, "--quiet"),
        ).wait()
        recorder.wait()
        sources = {
            "from a file": (source, ["--rate", str(RATE_HZ), "--loop", loops], ()),
            "from a recording": (recorded, ["--rate", str(RATE_HZ)], ()),
        }
        if os.geteuid() == 0 and shutil.which(REAL_TIME[0]):
            name = f"from a recording {AT_REAL_TIME}"
            sources[name] = (recorded, ["--rate", str(RATE_HZ)], REAL_TIME)
        pace_rows(report, sources, folder)
        long_run(report, source, arguments.frames, folder)
    if (report._busy_before or 0.0) > 0.1:
        report.notes.append(
            "Other programs kept both cores busy: lateness is then the wait for one of their time"
            " slices, as the bare loop shows. What replay adds by itself is seen at real-time"
            " priority (`chrt -f 5`), where it waits less for them."
        )
    report.write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
