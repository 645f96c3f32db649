"""How fast is a frame's whole way on this card, and does its label map agree with the CPU's?

    .venv/bin/python benchmarks/gpu_pipeline.py [--frames 300] [--repeats 100] [--rehearse]

Frames go one at a time for latencies, and as the service does it, two at a time, for the rate. Each
stage's time is by events of the card and the host's clock, as results say it. Beside that: the
network by every backend, a matrix product, and Louvain by every engine. Writes its result file, and
the measured rows of the table from which `communities.engine = auto` chooses.

`--rehearse` does all of it on the CPU in Triton's interpreter, on one tiny workload, and writes
into a folder that is deleted: it shows that this script works, and nothing else.
"""

from __future__ import annotations

import argparse
import datetime
import sys
import tempfile
import time
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from gpu_crossovers import write_crossovers
from gpu_encoders import encoder_rows, product_rates
from gpu_engines import engine_rows
from gpu_kernels import card as card_row
from gpu_setup import (
    ON_CARD,
    REHEARSAL,
    Scale,
    Workload,
    frames_of,
    percentiles_ms,
    shorten_louvain,
)
from harness import RESULTS, ROOT, Report, Row, quick_parser, say, significant
from scopeside.assembly import assemble, warm_up
from scopeside.configuration import Configuration
from scopeside.device.contrast import References
from scopeside.device.engines.engine import Engine
from scopeside.device.engines.kernel import KernelClusterer
from scopeside.device.put_together import device_pipeline
from scopeside.errors import FatalError
from scopeside.messages import Accounting, Frame, Provenance, Segmentation
from scopeside.partitions import adjusted_rand, relabelled
from scopeside.ports import Segmenter
from scopeside.stages.embed import build_embedder
from scopeside.wire.results import encode_segmentation

CROSSOVERS = ROOT / "service" / "scopeside" / "device" / "engines" / "crossovers.json"
AT_HAND = 8
"""Different frames, over and over: exposing a large one takes longer than computing it."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one pipeline did on one workload."""

    stages: list[Row]
    total: Row
    pipeline: Segmenter


def pipeline_of(scale: Scale, configuration: Configuration) -> Segmenter:
    """Return the pipeline on the card as the service has it; in a rehearsal, on the CPU."""
    if not scale.rehearsal:
        return assemble(configuration)
    embedder = build_embedder(configuration.settings)
    info = embedder.info
    engine = Engine(engine="kernel", clusterer=KernelClusterer())
    return device_pipeline(
        configuration.settings,
        provenance=Provenance(
            version="",
            config=configuration.hash,
            weights_name=info.weights_name,
            weights_sha256=info.weights_sha256,
            embedder=info.name,
            clusterer=engine.name,
            device=info.device,
        ),
        encoder=embedder.encoder,
        batch=embedder.batch,
        card=scale.card(),
        references=References(),
        engine_of=lambda _chips: engine,
        meter=dict,
    )


def run_of(scale: Scale, workload: Workload, backend: str) -> Run:
    """Measure one workload by one backend. Raises FatalError where that cannot be had."""
    library, precision = backend.split()
    sets = [f"embed.backend={library}", f"embed.precision={precision}"]
    configuration = scale.configuration(workload, *sets)
    pipeline = pipeline_of(scale, configuration)
    if not scale.rehearsal:
        warm_up(pipeline, configuration.settings)
    given = frames_of(workload, min(AT_HAND, scale.frames))
    pipeline.segment(given[0])  # a series' first frame is surveyed: not one of those that count
    frames = [replace(given[n % len(given)], number=n) for n in range(scale.frames)]
    spent_s: list[float] = []
    stages_s: dict[str, list[float]] = {}
    for frame in frames:
        begun_s = time.perf_counter()
        done = pipeline.segment(frame)
        encoded(done)
        spent_s.append(time.perf_counter() - begun_s)
        for stage, seconds in done.stages_s.items():
            stages_s.setdefault(stage, []).append(seconds)
    what: Row = {"workload": workload.name, "backend": backend}
    memory = (pipeline.figures()["gpu"].get("memory_bytes") or {}).get("reserved", 0)
    return Run(
        pipeline=pipeline,
        stages=[what | {"stage": stage} | percentiles_ms(s) for stage, s in stages_s.items()],
        total=what
        | {"chips": done.grid.chips}
        | percentiles_ms(spent_s)
        | {
            "frames_per_s": significant(rate_of(pipeline, frames), 4),
            "captured": pipeline.figures()["gpu"]["captured"],
            "reserved_gib": significant(memory / 2**30, 3),
        },
    )


def rate_of(pipeline: Segmenter, frames: list[Frame]) -> float:
    """Return frames per second with as many at a time as the pipeline has lanes."""
    begun: deque[object] = deque()
    begun_s = time.perf_counter()
    for frame in frames:
        if len(begun) == pipeline.lanes:
            encoded(pipeline.finish(begun.popleft()))
        begun.append(pipeline.begin(frame))
    while begun:
        encoded(pipeline.finish(begun.popleft()))
    return len(frames) / (time.perf_counter() - begun_s)


def encoded(segmentation: Segmentation) -> None:
    """Make the message that would be published."""
    encode_segmentation(
        segmentation,
        accounting=Accounting(),
        clocks=lambda: (time.time_ns(), time.monotonic()),
    )


def agreement(scale: Scale, workload: Workload, there: Segmenter | None) -> Row:
    """Compare label maps with the CPU's, by the same Louvain at the same resolution.

    A rehearsal takes the pipeline that it has, `there`: interpreting another plan takes long.
    """
    sets = ["communities.engine=kernel", "graph.resolution=0.5"]
    if there is None or not scale.rehearsal:
        there = pipeline_of(scale, scale.configuration(workload, *sets))
    here = assemble(replace(scale, device="cpu").configuration(workload, *sets))
    scores, equal = [], []
    for frame in frames_of(workload, min(2, scale.frames)):
        maps = [one.segment(frame).label_map.labels_YX for one in (here, there)]
        scores.append(adjusted_rand(*(relabelled(each.ravel()) for each in maps)))
        equal.append(float((maps[0] == maps[1]).mean()))
    return {
        "workload": workload.name,
        "ari": significant(min(scores), 5),
        "equal_pixels": significant(min(equal), 5),
    }


def aims(report: Report, scale: Scale, tables: dict[str, list[Row]]) -> None:
    """State every aim with the best backend that there is; of a rehearsal, none."""
    totals = {row["workload"]: row for row in tables["totals"] if "p50_ms" in row}
    if scale.rehearsal or not {"A", "C"} <= totals.keys():
        return
    best = {name: totals[name]["backend"] for name in totals}
    report.aim("A, received to encoded, p50", "at most", 5.0, "ms", totals["A"]["p50_ms"])
    report.aim("A, received to encoded, p99", "at most", 8.0, "ms", totals["A"]["p99_ms"])
    report.aim("A, two at a time", "at least", 300.0, "frames/s", totals["A"]["frames_per_s"])
    report.aim("C, two at a time", "at least", 25.0, "frames/s", totals["C"]["frames_per_s"])
    for name, limit_ms in (("A", 2.0), ("C", 4.0)):
        rest_ms = sum(
            row["p50_ms"]
            for row in tables["stages"]
            if (row["workload"], row["backend"]) == (name, best[name]) and row["stage"] != "embed"
        )
        report.aim(f"{name}, all but the network, p50s added", "at most", limit_ms, "ms", rest_ms)
    shares = [row.get("share_of_product", 0.0) for row in tables["encoders"]]
    report.aim("Network over matrix product, best", "at least", 0.4, "", max(shares))
    for row in tables["agreement"]:
        what = f"Label maps of CPU and GPU, {row['workload']}, ARI"
        report.aim(what, "at least", 0.98, "", row["ari"])


def measured(scale: Scale, folder: Path, crossovers: Path) -> None:
    """Measure everything and write it."""
    report = Report(
        name="gpu_pipeline",
        question="How fast is a frame's whole way on this card, and does its label map agree?",
        how=(
            f"Simulated films, default settings, {scale.frames} frames a row, one at a time (from"
            " the received frame to its encoded message) and two at a time (frames per second)."
            " Stages by events of the card and the host's clock. Networks and matrix product by"
            f" events, {scale.repeats} launches each; Louvain by the host's clock, as often."
        ),
    )
    tables: dict[str, list[Row]] = {"stages": [], "totals": [], "encoders": [], "agreement": []}
    rates = product_rates(scale)
    for workload in scale.workloads:
        run = None
        tables["encoders"] += encoder_rows(scale, workload, rates)
        for backend in scale.pipelines:
            try:
                run = run_of(scale, workload, backend)
            except FatalError as error:
                row = {"workload": workload.name, "backend": backend, "lacks": str(error)}
                tables["totals"].append(row)
                continue
            tables["stages"] += run.stages
            tables["totals"].append(run.total)
            say(f"{run.total}")
        tables["agreement"].append(agreement(scale, workload, run and run.pipeline))
        say(f"{tables['agreement'][-1]}")
    engines = engine_rows(scale)
    if not scale.rehearsal:
        report.table("The card", [card_row()])
    report.table("A matrix product", [{"precision": p, "tflops": r} for p, r in rates.items()])
    report.table("A frame", tables["totals"])
    report.table("Its stages", tables["stages"])
    report.table("The network", tables["encoders"])
    report.table("Louvain", engines)
    report.table("Label maps beside the CPU's", tables["agreement"])
    aims(report, scale, tables)
    report.write(folder)
    name = "a rehearsal" if scale.rehearsal else torch.cuda.get_device_name(scale.device)
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    write_crossovers(crossovers, name, engines, date=date)


def main() -> int:
    parser = quick_parser(__doc__)
    parser.add_argument("--frames", type=int, default=ON_CARD.frames)
    parser.add_argument("--repeats", type=int, default=ON_CARD.repeats)
    parser.add_argument("--rehearse", action="store_true")
    arguments: argparse.Namespace = parser.parse_args()
    if arguments.rehearse:
        shorten_louvain()
        with tempfile.TemporaryDirectory() as name:
            table = Path(name) / "crossovers.json"
            table.write_bytes(CROSSOVERS.read_bytes())
            measured(REHEARSAL, Path(name), table)
            say(f"rehearsed: {', '.join(sorted(path.name for path in Path(name).iterdir()))}")
        return 0
    if not torch.cuda.is_available():
        say("no NVIDIA GPU here that torch can use; --rehearse tries this script without one")
        return 1
    scale = replace(ON_CARD, frames=arguments.frames, repeats=arguments.repeats)
    measured(scale, RESULTS, CROSSOVERS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
