"""Whole frames on a card: how long each takes, how many come through, and do maps agree."""

from __future__ import annotations

import importlib.util
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from gpu_setup import Scale, Workload, frames_of, percentiles_ms
from harness import Row, significant
from scopeside.assembly import assemble, warm_up
from scopeside.configuration import Configuration
from scopeside.device.contrast import References
from scopeside.device.engines.engine import Engine
from scopeside.device.engines.kernel import KernelClusterer
from scopeside.device.put_together import device_pipeline
from scopeside.messages import Accounting, Frame, Provenance, Segmentation
from scopeside.partitions import adjusted_rand, relabelled
from scopeside.ports import Segmenter
from scopeside.stages.embed import build_embedder
from scopeside.wire.results import encode_segmentation

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
    painted_before = pipeline.figures()["gpu"]["repainted"]
    spent_s: list[float] = []
    stages_s: dict[str, list[float]] = {}
    with outlet() as (until, publish):
        for frame in frames:
            begun_s = time.perf_counter()
            done = pipeline.segment(frame)
            publish(encoded(done))
            spent_s.append(time.perf_counter() - begun_s)
            for stage, seconds in done.stages_s.items():
                stages_s.setdefault(stage, []).append(seconds)
    what: Row = {"workload": workload.name, "backend": backend}
    gpu = pipeline.figures()["gpu"]
    memory = (gpu.get("memory_bytes") or {}).get("reserved", 0)
    return Run(
        pipeline=pipeline,
        stages=[what | {"stage": stage} | percentiles_ms(s) for stage, s in stages_s.items()],
        total=what
        | {"chips": done.grid.chips, "until": until}
        | percentiles_ms(spent_s)
        | {
            "frames_per_s": significant(rate_of(pipeline, frames), 4),
            "captured": gpu["captured"],
            # Of the frames one at a time: those whose ids the card had not guessed.
            "repainted_share": significant((gpu["repainted"] - painted_before) / len(frames), 3),
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


def encoded(segmentation: Segmentation) -> memoryview:
    """Return the message that is published."""
    return encode_segmentation(
        segmentation,
        accounting=Accounting(),
        clocks=lambda: (time.time_ns(), time.monotonic()),
    )


@contextmanager
def outlet() -> Iterator[tuple[str, Callable[[memoryview], None]]]:
    """Yield until when a frame is timed, and what takes its message there.

    That is a subscriber on this machine, by ZeroMQ over TCP, as the service has them. Without
    pyzmq the encoded message is the end.
    """
    if importlib.util.find_spec("zmq") is None:
        yield "encoded", lambda _message: None
        return
    import zmq

    with zmq.Context() as context, context.socket(zmq.PUB) as out, context.socket(zmq.SUB) as there:
        there.linger = out.linger = 0
        there.subscribe(b"")
        there.connect(f"tcp://127.0.0.1:{out.bind_to_random_port('tcp://127.0.0.1')}")
        while not there.poll(10):  # until the subscription has reached the publisher
            out.send(b"")
        while there.poll(10):
            there.recv()

        def publish(message: memoryview) -> None:
            out.send(message, copy=False)
            there.recv(copy=False)

        yield "at a subscriber", publish


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
