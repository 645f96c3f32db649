"""Which Louvain finds the communities on a card, and that each gives the answers of its kind."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
import torch

pytest.importorskip("triton", reason="Triton is not installed: pip install 'scopeside[gpu]'")

from device_bench import settings_of
from device_graphs import knn, placed
from scopeside.device.engines import packages
from scopeside.device.engines.choose import Engines
from scopeside.device.engines.crossovers import Crossovers, Step, committed, crossovers, read
from scopeside.device.engines.cugraph import MOST_LEVELS, THRESHOLD, CuGraphClusterer
from scopeside.device.engines.cugraph_library import PylibcugraphLibrary
from scopeside.device.engines.engine import EngineClusterer
from scopeside.device.engines.kernel import KernelClusterer
from scopeside.errors import BackendError
from scopeside.messages import Graph
from scopeside.partitions import modularity, relabelled
from scopeside.stages.communities import LouvainClusterer, ParallelClusterer
from scopeside.testing.cards import FixedGraphLibrary
from scopeside_kernels.reference_louvain import MAX_NODES

TABLE = Crossovers(
    steps=(Step(100, "kernel"), Step(500, "cpu"), Step(None, "cugraph")), measured=True
)


def engines(engine="auto", *, has_cugraph=True, neighbours=15):
    return Engines(
        settings_of(communities={"engine": engine}, graph={"neighbours": neighbours}),
        TABLE,
        cugraph=lambda: CuGraphClusterer(FixedGraphLibrary([0])),
        has_cugraph=has_cugraph,
    )


@pytest.mark.parametrize(
    ("chips", "has_cugraph", "engine"),
    [
        (100, True, "kernel"),
        (101, True, "cpu"),
        (501, True, "cugraph"),
        (501, False, "kernel"),
        (MAX_NODES + 1, False, "cpu"),
    ],
)
def test_auto_takes_what_the_table_says_and_is_installed(chips, has_cugraph, engine):
    assert engines(has_cugraph=has_cugraph)(chips).engine == engine


def test_an_engine_is_made_once_and_named_after_its_library():
    chosen = engines()
    assert chosen(1).clusterer is chosen(2).clusterer
    assert chosen(1).name == ParallelClusterer().name
    assert chosen(200).name.startswith("louvain/scikit-network")
    assert chosen(600).name == "louvain/cugraph-fixed"
    assert [chosen(chips).on_card for chips in (1, 200, 600)] == [True, False, False]


@pytest.mark.parametrize(("has_cugraph", "instead"), [(True, "cugraph"), (False, "cpu")])
def test_what_the_kernels_do_not_hold_goes_elsewhere_and_is_said(has_cugraph, instead, caplog):
    with caplog.at_level(logging.WARNING):
        found = engines("kernel", has_cugraph=has_cugraph)(MAX_NODES + 1)
    assert found.engine == instead
    assert f"{MAX_NODES + 1} chips" in caplog.text


def test_cugraph_by_name_is_missed_before_the_first_frame(monkeypatch):
    monkeypatch.setattr(packages, "PACKAGES", ("cupy_that_nobody_has",))
    assert packages.missing_packages() == ("cupy_that_nobody_has",)
    with pytest.raises(BackendError, match="cupy_that_nobody_has"):
        Engines(
            settings_of(communities={"engine": "cugraph"}),
            TABLE,
            cugraph=lambda: CuGraphClusterer(PylibcugraphLibrary(torch.device("cuda:0"))),
            has_cugraph=False,
        )


def test_the_committed_table_says_that_it_is_a_guess_until_it_is_measured():
    table = committed()
    assert json.dumps(table)
    default = crossovers("a card that nobody measured")
    assert default.measured is False
    assert [default.engine(chips) for chips in (256, 16_384)] == ["kernel", "kernel"]
    if not table["measured"]:
        assert "guess" in table["note"]


def test_a_card_has_its_own_rows_and_others_are_not_called_measured():
    rows = [{"up_to_chips": None, "engine": "cpu"}]
    table = {"measured": True, "cards": {"default": rows, "Card 7": rows}}
    assert [read(table, name).measured for name in ("Card 7", "Card 8")] == [True, False]
    with pytest.raises(KeyError, match="7 chips"):
        read({"measured": True, "cards": {"default": []}}, "").engine(7)


@pytest.mark.parametrize("resolution", [0.3, 1.0])
def test_kernels_divide_as_their_definition_does(resolution):
    graph, rows_ND = knn()
    device = placed(graph, rows_ND)
    here = ParallelClusterer().partition(graph, resolution=resolution, seed=1)
    clusterer = KernelClusterer()
    for _ in range(2):  # the second time in memory that is there
        there = clusterer.partition(device, resolution=resolution, seed=2)
        np.testing.assert_array_equal(there.labels_N, here.labels_N)
        assert there.modularity == pytest.approx(here.modularity, abs=1e-8)


@pytest.mark.parametrize("clusterer", [ParallelClusterer(), KernelClusterer()])
def test_what_is_beyond_the_integers_is_left_to_the_cpus_library(clusterer):
    graph, rows_ND = knn()
    expected = LouvainClusterer().partition(graph, resolution=0.01, seed=3)
    for one in (graph, placed(graph, rows_ND)):
        found = clusterer.partition(one, resolution=0.01, seed=3)
        np.testing.assert_array_equal(found.labels_N, expected.labels_N)


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize(
    "clusterer", [ParallelClusterer(), KernelClusterer(), CuGraphClusterer(FixedGraphLibrary([7]))]
)
def test_chips_without_edges_are_one_community_or_each_their_own(clusterer, weighted):
    nothing = np.zeros(0, np.float32)
    graph = Graph(
        offsets=np.zeros(4, np.int64),
        neighbours_E=nothing.astype(np.int32),
        weights_E=nothing if weighted else None,
    )
    expected = LouvainClusterer().partition(graph, resolution=1.0, seed=0)
    found = clusterer.partition(graph, resolution=1.0, seed=0)
    assert found.labels_N.tolist() == expected.labels_N.tolist()


@pytest.mark.parametrize("on_card", [True, False])
def test_cugraph_gets_the_edges_alone_and_its_numbers_become_ours(on_card):
    graph, rows_ND = knn()
    labels_N = 90 - 3 * (np.arange(40) % 4)
    library = FixedGraphLibrary(labels_N)
    clusterer = CuGraphClusterer(library)
    one = placed(graph, rows_ND) if on_card else graph
    found = clusterer.partition(one, resolution=0.6, seed=0)
    (asked,) = library.asked
    np.testing.assert_array_equal(asked["offsets"], graph.offsets)
    np.testing.assert_array_equal(asked["neighbours_E"], graph.neighbours_E)
    np.testing.assert_array_equal(asked["weights_E"], graph.weights_E)
    assert [asked[name].dtype for name in ("offsets", "neighbours_E")] == [torch.int32] * 2
    assert (asked["resolution"], asked["threshold"], asked["levels"]) == (
        0.6,
        THRESHOLD,
        MOST_LEVELS,
    )
    np.testing.assert_array_equal(found.labels_N, relabelled(labels_N))
    assert found.communities == 4
    assert found.modularity == pytest.approx(modularity(graph, found.labels_N, 0.6), abs=1e-8)


def test_a_graph_goes_to_the_engine_of_its_size():
    graph, _ = knn()
    clusterer = EngineClusterer(engines())
    found = clusterer.partition(graph, resolution=0.5, seed=1)
    expected = ParallelClusterer().partition(graph, resolution=0.5, seed=1)
    assert found.labels_N.tolist() == expected.labels_N.tolist()
    assert clusterer.name == "louvain/by size"
