"""What the benchmarks of a card share: workloads, frames, timing, and the scale of a run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")  # read by Triton when it is imported

from harness import Row, significant
from scopeside.assembly import still_frame
from scopeside.configuration import Configuration, load_settings
from scopeside.device import lane
from scopeside.device.card import Card, Line
from scopeside.device.cuda_card import CudaCard
from scopeside.device.engines import kernel
from scopeside.device.host_card import HostCard
from scopeside.messages import Frame
from scopeside.testing.specimen import IrradiatedFilm
from scopeside_kernels import louvain, reference_louvain


@dataclass(frozen=True, kw_only=True)
class Workload:
    """Square frames of `side_px`, their chips and stride."""

    name: str
    side_px: int
    chip_px: int
    stride_px: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.side_px, self.side_px

    def sets(self) -> list[str]:
        """Return the settings that describe it."""
        return [
            f"service.frame_shape={list(self.shape)}",
            f"chips.size_px={self.chip_px}",
            f"chips.stride_px={self.stride_px}",
        ]


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much is measured, and where: on a card, or a rehearsal on the CPU."""

    device: str
    workloads: tuple[Workload, ...]
    encoders: tuple[str, ...]
    pipelines: tuple[str, ...]
    frames: int
    repeats: int
    nodes: tuple[int, ...]
    product_side: int
    sets: tuple[str, ...] = ()

    @property
    def rehearsal(self) -> bool:
        return self.device == "cpu"

    def card(self) -> Card:
        """Return the card, or what stands in for it."""
        return HostCard() if self.rehearsal else CudaCard(torch.device(self.device))

    def configuration(self, workload: Workload, *sets: str) -> Configuration:
        """Return the settings of a workload on this device."""
        here = [f"device={self.device}", *self.sets, *workload.sets()]
        return load_settings(sets=[*here, *sets])


ON_CARD = Scale(
    device="cuda:0",
    workloads=(
        Workload(name="A", side_px=1024, chip_px=64, stride_px=32),
        Workload(name="B", side_px=2048, chip_px=64, stride_px=32),
        Workload(name="C", side_px=4096, chip_px=128, stride_px=64),
    ),
    encoders=(
        "torch fp32 eager",
        "torch tf32 eager",
        "torch fp16 eager",
        "torch fp16 compiled",
        "torch fp16 captured",
        "tensorrt fp16",
    ),
    pipelines=("torch fp32", "torch fp16", "tensorrt fp16"),
    frames=300,
    repeats=100,
    nodes=(256, 1024, 4096, 16384),
    product_side=8192,
)
REHEARSAL = Scale(
    device="cpu",
    workloads=(Workload(name="tiny", side_px=48, chip_px=32, stride_px=16),),
    encoders=("torch fp32 eager", "torch fp32 captured", "tensorrt fp16"),
    pipelines=("torch fp32", "tensorrt fp16"),
    frames=1,
    repeats=2,
    nodes=(40,),
    product_side=64,
    # A survey of all resolutions takes the interpreter half a minute.
    sets=("graph.resolution=0.5", "embed.backend=torch", "embed.precision=fp32"),
)


@contextmanager
def tf32(allowed: bool) -> Iterator[None]:  # noqa: FBT001  # a switch, and named by the function
    """Let float32 products and convolutions be of TF32 within the block, or neither.

    By itself torch rounds to TF32 in cuDNN's convolutions and not in products, so that a network
    in float32 could be faster than the product that it is compared with.
    """
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    kept = products.allow_tf32, convolutions.allow_tf32
    products.allow_tf32 = convolutions.allow_tf32 = allowed
    try:
        yield
    finally:
        products.allow_tf32, convolutions.allow_tf32 = kept


def shorten_louvain() -> None:
    """Let the kernels' Louvain make few sweeps, in a rehearsal, for the interpreter's sake."""
    stage = reference_louvain.Stage
    quick = partial(louvain.plan, schedule=((stage(6, 2), stage(4, 2)),), starts=1)
    lane.plan_louvain = quick
    kernel.plan = quick


def frames_of(workload: Workload, count: int) -> list[Frame]:
    """Return frames of the simulated film, half of its dose through, in one series."""
    film = IrradiatedFilm(shape=workload.shape)
    dose = film.dose_full_e_per_m2 / 2
    return [
        still_frame(film.expose(dose, number=n).counts_YX, number=n, series="gpu")
        for n in range(count)
    ]


def timed(card: Card, line: Line, launch: Callable[[], object], repeats: int) -> list[float]:
    """Return the seconds that the card spent on each launch, by marks before and behind it."""
    spent_s = []
    for repeat in range(-2, repeats):  # two that are not counted
        begun, done = card.mark(), card.mark()
        with line.use():
            begun.set()
            launch()
            done.set()
        done.wait()
        if repeat >= 0:
            spent_s.append(done.seconds_since(begun))
    return spent_s


def percentiles_ms(spent_s: list[float]) -> Row:
    """Return nearest-rank percentiles in milliseconds."""
    p50, p95, p99 = np.percentile(spent_s, (50, 95, 99), method="inverted_cdf")
    return {
        "p50_ms": significant(1000 * p50, 4),
        "p95_ms": significant(1000 * p95, 4),
        "p99_ms": significant(1000 * p99, 4),
    }
