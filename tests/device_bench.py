"""Two pipelines with one network: all on the CPU, and all on a device that is the CPU, interpreted.

A test module that imports this is skipped where Triton is not installed.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from scopeside.assembly import still_frame
from scopeside.messages import Frame, Provenance
from scopeside.pipeline import Pipeline
from scopeside.settings import Settings
from scopeside.stages.communities import LouvainClusterer
from scopeside.stages.embed.chips import ChipsEmbedder
from scopeside.stages.embed.encoder import output_shape
from scopeside.stages.embed.host_program import HostProgram
from scopeside.stages.embed.weights import Weights
from scopeside.stages.identity import IdentityTracker
from scopeside.stages.labelmap import LabelMapper
from scopeside.stages.preprocess import Preprocess
from scopeside.stages.resolution import CommunityFinder

pytest.importorskip("triton", reason="Triton is not installed: pip install 'scopeside[gpu]'")

from scopeside.device.contrast import References
from scopeside.device.engines.engine import Engine
from scopeside.device.engines.kernel import KernelClusterer
from scopeside.device.host_card import HostCard
from scopeside.device.put_together import device_pipeline

SIDE, CHIP = 80, 32
PROVENANCE = Provenance(
    version="0",
    config="0",
    weights_name="none",
    weights_sha256="",
    embedder="small",
    clusterer="louvain",
    device="cpu",
)
NO_WEIGHTS = Weights(name="none", sha256="", state={})


class SmallEncoder:
    """A network of a few random features of a chip's cells, in float32; counts what it runs."""

    name, device, precision = "small", "cpu", "fp32"

    def __init__(self):
        self.programs = 0

    def compile(self, shape_BCHW, head):
        return HostProgram(self.device_program(1, shape_BCHW, head))

    def device_program(self, tiles, shape_BCHW, head):
        self.programs += 1
        return SmallProgram(tiles, shape_BCHW, head)


class SmallProgram:
    def __init__(self, tiles, shape_BCHW, head):
        self.input_TB1HW = torch.zeros((tiles, *shape_BCHW))
        self.output_TBF = torch.zeros((tiles, *output_shape(shape_BCHW, head)))
        generator = torch.Generator().manual_seed(3)
        self._weights = torch.rand((32, 2048), generator=generator)

    def run(self):
        chips = self.input_TB1HW.flatten(0, 1)
        cells = torch.nn.functional.avg_pool2d(chips, chips.shape[-1] // 4).flatten(1)
        spread = torch.nn.functional.avg_pool2d(chips**2, chips.shape[-1] // 4).flatten(1)
        looks = torch.cat([cells, 3 * spread], dim=1) @ self._weights
        self.output_TBF.copy_(looks.reshape(self.output_TBF.shape))


def settings_of(**sections) -> Settings:
    """Small chips, units of the small network's spread, and what a test changes."""
    base = {
        "chips": {"size_px": CHIP, "stride_px": CHIP // 2},
        "graph": {"neighbours": 6, "resolution": 0.5},
        "embed": {"weights": "seeded", "batch": 7},
        "service": {"frame_shape": [SIDE, SIDE]},
    }
    return Settings.model_validate(
        {name: base.get(name, {}) | sections.get(name, {}) for name in base | sections}
    )


def on_cpu(settings: Settings, clusterer=None, *, dark_YX=None, flat_YX=None) -> Pipeline:
    return Pipeline(
        settings,
        provenance=PROVENANCE,
        preprocess=Preprocess(settings.preprocess, dark_YX=dark_YX, flat_YX=flat_YX),
        embedder=ChipsEmbedder(
            SmallEncoder(), NO_WEIGHTS, input_px=settings.chips.effective_input_px, batch=7
        ),
        finder=CommunityFinder(clusterer or KernelClusterer(), settings),
        tracker=tracker_of(settings),
        mapper=LabelMapper(),
    )


def on_device(
    settings: Settings, engine="kernel", *, card=None, encoder=None, references=None, meter=dict
):
    """The device pipeline on the CPU; `engine` is a name of ours or an `Engine`."""
    if isinstance(engine, str):
        clusterer = KernelClusterer() if engine == "kernel" else LouvainClusterer()
        engine = Engine(engine=engine, clusterer=clusterer)
    return device_pipeline(
        settings,
        provenance=PROVENANCE,
        encoder=encoder or SmallEncoder(),
        batch=7,
        card=card or HostCard(),
        references=references or References(),
        engine_of=lambda chips: engine,
        meter=meter,
    )


def tracker_of(settings: Settings) -> IdentityTracker:
    return IdentityTracker(
        merge_distance=settings.identity.merge_distance, unit=settings.distance_unit
    )


def two_phases(number: int = 0, *, front: float = 0.5, shape=(SIDE, SIDE), dtype="<u2") -> Frame:
    """A stripe pattern left of a front and noise right of it, counted by a detector."""
    random = np.random.default_rng(number)
    _, x = np.indices(shape)
    stripes = 500 + 300 * np.sin(x / 1.7 + number)
    noise = 200 + 60 * random.normal(size=shape)
    expected = np.where(x < front * shape[1], stripes, noise)
    counts = random.poisson(np.maximum(expected, 1.0))
    image_YX = counts.astype(np.dtype(dtype))
    return still_frame(image_YX, number=number, series="test")


def of_series(frame: Frame, series: str) -> Frame:
    return replace(frame, series=series)
