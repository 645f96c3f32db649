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
from scopeside.ports import EmbedderInfo
from scopeside.settings import Settings
from scopeside.stages.communities import LouvainClusterer, ParallelClusterer
from scopeside.stages.descriptors import Descriptors, Detector
from scopeside.stages.identity import IdentityTracker
from scopeside.stages.labelmap import LabelMapper
from scopeside.stages.preprocess import Preprocess
from scopeside.stages.resolution import CommunityFinder
from scopeside_kernels import reference

pytest.importorskip("triton", reason="Triton is not installed: pip install 'scopeside[gpu]'")

from scopeside.device.contrast import References
from scopeside.device.engines.engine import Engine
from scopeside.device.engines.kernel import KernelClusterer
from scopeside.device.host_card import HostCard
from scopeside.device.put_together import device_pipeline

SIDE, CHIP, FEATURES = 64, 32, 48
PROVENANCE = Provenance(
    version="0",
    config="0",
    weights_name="none",
    weights_sha256="",
    embedder="small",
    clusterer="louvain",
    device="cpu",
)


class SmallEncoder:
    """A network of a few random features of a chip's cells, in float32; counts its programs."""

    name, device, precision = "small", "cpu", "fp32"
    place = torch.device("cpu")

    def __init__(self):
        self.programs = 0

    def device_program(self, tiles, shape_BCHW, head, *, captured):
        if captured:
            raise ValueError("The pipeline captures the network itself.")
        self.programs += 1
        return SmallProgram(tiles, shape_BCHW)


class SmallProgram:
    def __init__(self, tiles, shape_BCHW):
        self.input_TB1HW = torch.zeros((tiles, *shape_BCHW))
        self.output_TBF = torch.zeros((tiles, shape_BCHW[0], FEATURES))
        generator = torch.Generator().manual_seed(3)
        self._weights = torch.rand((32, FEATURES), generator=generator)

    def run(self):
        chips = self.input_TB1HW.flatten(0, 1)
        cells = torch.nn.functional.avg_pool2d(chips, chips.shape[-1] // 4).flatten(1)
        spread = torch.nn.functional.avg_pool2d(chips**2, chips.shape[-1] // 4).flatten(1)
        looks = torch.cat([cells, 3 * spread], dim=1) @ self._weights
        self.output_TBF.copy_(looks.reshape(self.output_TBF.shape))


class SmallEmbedder:
    """The same network for the CPU's pipeline."""

    info = EmbedderInfo(
        name="small", weights_name="none", weights_sha256="", device="cpu", features=FEATURES
    )

    def plan(self, grid):
        self._program = SmallProgram(1, (grid.chips, 1, CHIP, CHIP))

    def prepare(self, image_YX, grid):
        return reference.chips(image_YX, grid.y0_R, grid.x0_C, grid.chip_px, CHIP)

    def embed(self, prepared, grid):
        self._program.input_TB1HW.copy_(torch.from_numpy(prepared)[None, :, None])
        self._program.run()
        return self._program.output_TBF[0].numpy().copy()


def settings_of(**sections) -> Settings:
    """Small chips, units of the small network's spread, and what a test changes."""
    base = {
        "chips": {"size_px": CHIP, "stride_px": CHIP // 2},
        "graph": {"neighbours": 4, "resolution": 0.5},
        "embed": {"weights": "seeded"},
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
        embedder=SmallEmbedder(),
        finder=CommunityFinder(clusterer or ParallelClusterer(), settings),
        tracker=tracker_of(settings),
        mapper=LabelMapper(),
        descriptors=descriptors_of(settings),
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
        batch=4,
        card=card or HostCard(),
        references=references or References(),
        engine_of=lambda chips: engine,
        meter=meter,
    )


def misled(device):
    """Let the card guess that no chip has an id, so that every frame is painted by the host's."""
    device.tracker.latest = lambda most: (np.empty(0, np.int64), np.empty((0, 0), np.float32))
    return device


def tracker_of(settings: Settings) -> IdentityTracker:
    return IdentityTracker(
        merge_distance=settings.identity.merge_distance, unit=settings.distance_unit
    )


def descriptors_of(settings: Settings) -> Descriptors:
    return Descriptors(
        settings.descriptors,
        unit=settings.distance_unit,
        encoder=PROVENANCE.encoder,
        detector=Detector(),
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
