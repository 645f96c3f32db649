"""A measurement as `scopeside bench` makes it, without a service."""

from pathlib import Path

import numpy as np

from scopeside.bench.frames import Load
from scopeside.bench.histogram import Durations
from scopeside.bench.report import report
from scopeside.bench.run import Measured, Plan, Repeat
from scopeside.bench.step import Step
from scopeside.bench.usage import GpuUsage, Usage
from scopeside.configuration import load_settings

CARD = GpuUsage(name="a card", busy=0.5, memory_bytes=2**30)


def step(rate_hz, *, scale=1.0, frames=50, lost=0, target_s=1.0, gpus=(), seed=0):
    """Responses around 100 ms times `scale`; the last `lost` frames were dropped."""
    random = np.random.default_rng(seed)
    response_s = scale * (0.09 + 0.02 * random.random(frames - lost))
    service_s = 0.9 * response_s
    totals = {
        "response": Durations.of(response_s),
        "service": Durations.of(service_s),
        "send lateness": Durations.of(0.01 * response_s),
        "handover": Durations.of(0.04 * response_s),
        "waiting": Durations.of(0.1 * response_s),
        "delivery": Durations.of(0.05 * response_s),
    }
    stages = {"embed": Durations.of(0.7 * response_s), "encode": Durations.of(0.1 * response_s)}
    answered = frames > lost
    return Step(
        rate_hz=rate_hz,
        offered=frames,
        unsent=0,
        results=frames - lost,
        dropped={"overload": lost} if lost else {},
        missing=0,
        undelivered=0,
        seconds=frames / rate_hz,
        target_s=target_s,
        usage=Usage(
            cpu_s=0.2 * scale * frames,
            cores=1.5,
            memory_bytes=500 * 2**20,
            threads=12,
            own_cores=0.1,
            other_cores=0.05,
            gpus=gpus,
        ),
        totals=totals if answered else {},
        stages=stages if answered else {},
        timeline=[(n / rate_hz, float(s)) for n, s in enumerate(response_s)],
    )


def repeat(*, best_hz=8.0, steady_hz=5.6, scale=1.0, seed=0, steady_lost=0, gpus=()):
    return Repeat(
        start_s=3.0,
        warmup_s=(0.5, 0.1 * scale),
        sweep=(step(4.0, scale=scale), step(8.0, scale=scale), step(10.0, lost=5)),
        best_hz=best_hz,
        steady=None
        if steady_hz is None
        else step(steady_hz, scale=scale, seed=seed, lost=steady_lost, gpus=gpus),
    )


def plan(**options):
    configuration = load_settings(sets=["bench.repeats=2", "ingest.socket=pull"])
    return Plan(
        settings=configuration.settings,
        options=(),
        logs=Path(),
        load=Load(name="film", kind="simulated", images=(np.zeros((6, 8), np.uint16),)),
        **options,
    )


def sample_report(*repeats, scales=(1.0, 1.02, 0.99)):
    """A report of the given repeats, or of one for each of `scales`."""
    made = list(repeats) or [repeat(scale=scale, seed=seed) for seed, scale in enumerate(scales)]
    return report(
        Measured(repeats=made),
        plan(),
        load_settings(sets=["bench.repeats=2", "ingest.socket=pull"]),
        busy_before=0.02,
        took_s=12.0,
    )
