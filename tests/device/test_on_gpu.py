"""On a card: all stages agree with the CPU's, captured, two frames at a time, engine by engine.

These have never run. `make test-gpu` runs them.
"""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch

pytest.importorskip("triton", reason="Triton is not installed: pip install 'scopeside[gpu]'")

from card_items import absent
from device_bench import misled
from scopeside import assembly
from scopeside.assembly import still_frame, warm_up
from scopeside.configuration import load_settings
from scopeside.device.cuda_card import CudaCard
from scopeside.device.engines.cugraph import CuGraphClusterer
from scopeside.device.engines.cugraph_library import PylibcugraphLibrary
from scopeside.device.engines.packages import missing_packages
from scopeside.device.pipeline import DevicePipeline
from scopeside.messages import Graph
from scopeside.partitions import adjusted_rand, modularity, relabelled
from scopeside.stages.communities import LouvainClusterer
from scopeside.testing.specimen import IrradiatedFilm
from scopeside_kernels import reference

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        os.environ.get("TRITON_INTERPRET", "0") == "1",
        reason="needs Triton itself: TRITON_INTERPRET=0, as `make test-gpu` sets it",
    ),
]

SHAPE = (256, 320)
SETS = ["chips.size_px=32", f"service.frame_shape={list(SHAPE)}", "graph.resolution=0.4"]


def frames(count=4):
    film = IrradiatedFilm(shape=SHAPE)
    return [
        still_frame(film.expose(0.5 * film.dose_full_e_per_m2, number=n).counts_YX, number=n)
        for n in range(count)
    ]


def pipeline_on(device, *sets):
    configuration = load_settings(sets=[*SETS, f"device={device}", *sets])
    pipeline = assembly.assemble(configuration)
    warm_up(pipeline, configuration.settings)
    return pipeline


def agreement(here, there):
    labels = [relabelled(one.label_map.labels_YX.ravel()) for one in (here, there)]
    return adjusted_rand(*labels)


@pytest.mark.parametrize("engine", ["kernel", "cpu"])
def test_label_maps_agree_with_the_cpus_at_the_same_clusterer(engine):
    cpu = pipeline_on("cpu", f"communities.engine={engine}")
    gpu = pipeline_on("cuda:0", f"communities.engine={engine}")
    assert isinstance(gpu, DevicePipeline)
    for frame in frames():
        here, there = cpu.segment(frame), gpu.segment(frame)
        assert agreement(here, there) >= 0.98
        assert all(seconds >= 0 for seconds in there.stages_s.values())
        assert not there.replanned


def test_the_work_of_a_frame_is_captured_and_two_at_a_time_change_no_bit():
    gpu = pipeline_on("cuda:0", "communities.engine=kernel")
    assert gpu.figures()["gpu"]["captured"]
    alone = [gpu.segment(frame) for frame in frames()]
    gpu.reset()
    begun, together = [], []
    for frame in frames():
        begun.append(gpu.begin(frame))
        if len(begun) == gpu.lanes:
            together.append(gpu.finish(begun.pop(0)))
    together += [gpu.finish(one) for one in begun]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.label_map.labels_YX, other.label_map.labels_YX)
        np.testing.assert_array_equal(one.label_map.confidence_YX, other.label_map.confidence_YX)


def test_what_was_guessed_of_ids_changes_no_bit_and_a_still_scene_is_guessed():
    trusted = pipeline_on("cuda:0", "communities.engine=kernel")
    wrong = misled(pipeline_on("cuda:0", "communities.engine=kernel"))
    for frame in frames():
        here, there = trusted.segment(frame), wrong.segment(frame)
        np.testing.assert_array_equal(here.label_map.labels_YX, there.label_map.labels_YX)
        np.testing.assert_array_equal(here.label_map.confidence_YX, there.label_map.confidence_YX)
        assert here.communities == there.communities
    repainted = [one.figures()["gpu"]["repainted"] for one in (trusted, wrong)]
    assert repainted[0] < repainted[1]


def test_after_warming_up_a_frame_takes_no_memory_of_the_card():
    gpu = pipeline_on("cuda:0", "communities.engine=kernel")
    given = frames()
    gpu.segment(given[0])
    before = torch.cuda.memory_reserved()
    for frame in given[1:]:
        gpu.segment(frame)
    assert torch.cuda.memory_reserved() == before


def test_figures_of_the_card_are_told():
    figures = pipeline_on("cuda:0").figures()["gpu"]
    assert figures["memory_bytes"]["reserved"] > 0
    assert figures["temperature_c"] is None or 0 < figures["temperature_c"] < 120


def test_a_card_survives_what_did_not_harm_it():
    assert CudaCard(torch.device("cuda:0")).survives()
    gpu = pipeline_on("cuda:0")
    before = gpu.segment(frames(1)[0])
    gpu.recover()
    after = gpu.segment(frames(1)[0])
    assert after.replanned
    # A pool of a graph that is gone may not be taken for the next.
    assert gpu.figures()["gpu"]["captured"]
    np.testing.assert_array_equal(before.label_map.labels_YX, after.label_map.labels_YX)


def graph_of_groups(nodes=961, groups=6):
    random = np.random.default_rng(0)
    rows_ND = (
        random.normal(size=(nodes, 64))
        + 2 * random.normal(size=(groups, 64))[np.arange(nodes) % groups]
    )
    unit_ND = reference.unit_rows(rows_ND.astype(np.float32), centred=True)
    offsets, to_E, weights_E = reference.symmetric_csr(*reference.neighbours(unit_ND, 15))
    return Graph(offsets=offsets, neighbours_E=to_E, weights_E=weights_E)


def test_cugraph_finds_planted_groups_in_torchs_memory():
    if missing_packages():
        absent(f"{', '.join(missing_packages())} not installed", "gpu")
    clusterer = CuGraphClusterer(PylibcugraphLibrary(torch.device("cuda:0")))
    graph = graph_of_groups()
    expected = LouvainClusterer().partition(graph, resolution=0.5, seed=1)
    found = clusterer.partition(graph, resolution=0.5, seed=1)
    assert adjusted_rand(found.labels_N, expected.labels_N) > 0.9
    assert found.modularity == modularity(graph, found.labels_N, 0.5)
    gpu = pipeline_on("cuda:0", "communities.engine=cugraph")
    cpu = pipeline_on("cpu")
    assert agreement(cpu.segment(frames(1)[0]), gpu.segment(frames(1)[0])) > 0.9
