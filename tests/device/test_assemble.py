"""From settings to a pipeline on a card: the card stood in for, and the network real."""

from __future__ import annotations

import gc

import numpy as np
import pytest
import torch

pytest.importorskip("triton", reason="Triton is not installed: pip install 'scopeside[gpu]'")

from device_bench import PROVENANCE, two_phases
from engine_samples import MACHINE
from kernel_definitions import instead_of_kernels
from scopeside import assembly
from scopeside.configuration import load_settings
from scopeside.device import assemble, back, contrast, front
from scopeside.device.engines import kernel
from scopeside.device.host_card import HostCard
from scopeside.device.pipeline import DevicePipeline
from scopeside.device.placement import Placement
from scopeside.errors import BackendError
from scopeside.partitions import adjusted_rand, relabelled
from scopeside.pipeline import Pipeline
from scopeside.stages.embed.builtin import builtin_weights
from scopeside.stages.embed.chips import ChipsEmbedder
from scopeside.stages.embed.tensorrt_encoder import TensorRtEncoder
from scopeside.testing.engines import FakeEngineLibrary

SETS = [
    "device=cpu",
    "embed.backend=torch",
    "embed.precision=fp32",
    "chips.size_px=32",
    "graph.neighbours=4",
    "service.frame_shape=[64, 80]",
    "communities.engine=kernel",
]


@pytest.fixture
def on_card(monkeypatch):
    """Settings of a CPU whose stages go to a card that is the CPU, by the definitions."""
    instead_of_kernels(monkeypatch, back, contrast, front, kernel)
    there = Placement(on_card=True, reason="all stages")
    monkeypatch.setattr(assembly, "place", lambda settings, choice: there)
    monkeypatch.setattr(assemble, "CudaCard", lambda place: HostCard())
    monkeypatch.setattr(assemble, "card_name", lambda place: "a card of the test")
    monkeypatch.setattr(assemble, "meter_of", lambda card: lambda: {"temperature_c": 41})


def test_a_pipeline_on_a_card_agrees_with_the_cpus_by_the_same_network(on_card):
    configuration = load_settings(sets=[*SETS, "service.frame_dtype=f4"])
    device = assembly.assemble(configuration)
    assert isinstance(device, DevicePipeline)
    assembly.warm_up(device, configuration.settings)
    assert device.replans == 1
    host = assembly.assemble(configuration, embedder=cpu_embedder(configuration))
    assert isinstance(host, Pipeline)
    for number in range(2):
        frame = two_phases(number, shape=(64, 80), dtype="<f4")
        here, there = (one.segment(frame) for one in (host, device))
        labels = [relabelled(one.label_map.labels_YX.ravel()) for one in (here, there)]
        assert adjusted_rand(*labels) >= 0.98
        assert not there.replanned
        # The given embedder makes the same provenance but for where it came from.
        assert there.provenance == here.provenance
    assert device.figures()["gpu"] == {
        "title": "cpu (Triton's interpreter)",
        "planned": 1,
        "captured": True,
        "tile_chips": 6,
        "out_of_memory": 0,
        # The first frame, of which nothing was known; the warm-up's is forgotten.
        "repainted": 2,
        "temperature_c": 41,
    }


def cpu_embedder(configuration):
    from scopeside.stages.embed import build_embedder

    return build_embedder(configuration.settings)


def test_reference_frames_reach_the_card(on_card, tmp_path):
    dark = tmp_path / "dark.npy"
    np.save(dark, np.full((64, 80), 30.0, np.float32))
    configuration = load_settings(sets=[*SETS, f"preprocess.dark={dark}"])
    device = assembly.assemble(configuration)
    frame = two_phases(0, shape=(64, 80))
    found = device.segment(frame)
    plain = assembly.assemble(load_settings(sets=SETS)).segment(frame)
    assert found.image.high == plain.image.high - 30


def test_cugraph_without_a_card_to_run_on_is_refused_before_anything_is_loaded():
    configuration = load_settings(sets=["device=cpu", "communities.engine=cugraph"])
    with pytest.raises(BackendError, match="set communities"):
        assembly.assemble(configuration)


def test_on_the_cpu_the_kernels_louvain_is_its_definition():
    configuration = load_settings(sets=[*SETS, "embed.backend=null", "chips.size_px=16"])
    pipeline = assembly.assemble(configuration)
    assert pipeline.provenance.clusterer == "louvain/scopeside-parallel"
    assert pipeline.segment(two_phases()).graph.communities >= 1
    assert torch.get_default_dtype() == torch.float32


def test_an_engine_is_loaded_once_and_outlasts_a_recovery(on_card, tmp_path):
    library = FakeEngineLibrary(MACHINE)
    encoder = TensorRtEncoder(
        builtin_weights(), library, device="cpu", precision="fp16", cache=tmp_path
    )
    settings = load_settings(sets=[*SETS, "graph.resolution=0.5"]).settings
    embedder = ChipsEmbedder(encoder, builtin_weights(), input_px=32, batch=12)
    encoder.seal()
    device = assemble.assemble_on_card(
        settings, embedder=embedder, provenance=PROVENANCE, dark_YX=None, flat_YX=None
    )
    del embedder
    frame = two_phases(0, shape=(64, 80))
    before = device.segment(frame)
    assert library.built == [(12, 1, 32, 32)]
    device.recover()
    gc.collect()
    after = device.segment(frame)
    assert library.loaded == library.built
    np.testing.assert_array_equal(before.label_map.labels_YX, after.label_map.labels_YX)
