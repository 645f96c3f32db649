from __future__ import annotations

import numpy as np
import pytest

from planted import embeddings, graph_of, labels
from scopeside.messages import Graph, Partition
from scopeside.partitions import adjusted_rand
from scopeside.ports import Clusterer
from scopeside.settings import GraphSettings, Settings
from scopeside.stages.communities import LouvainClusterer
from scopeside.stages.graph import build_graph
from scopeside.stages.resolution import LADDER, STABLE, SURVEY_DRAWS, CommunityFinder

AUTO = Settings()


def with_resolution(resolution: float | str) -> Settings:
    return Settings.model_validate({"graph": {"resolution": resolution}})


def graph(sizes: list[int], *, seed: int = 0, distance: float = 2.0) -> Graph:
    values_ND = embeddings(labels(sizes), seed=seed, distance=distance)
    return build_graph(values_ND, GraphSettings())[0]


class CountingClusterer:
    """Louvain that remembers at which resolutions it was asked."""

    def __init__(self) -> None:
        self._louvain = LouvainClusterer()
        self.asked: list[float] = []

    @property
    def name(self) -> str:
        return self._louvain.name

    def partition(self, graph: Graph, *, resolution: float, seed: int) -> Partition:
        self.asked.append(resolution)
        return self._louvain.partition(graph, resolution=resolution, seed=seed)


def finder(settings: Settings = AUTO, clusterer: Clusterer | None = None) -> CommunityFinder:
    return CommunityFinder(clusterer or LouvainClusterer(), settings)


@pytest.mark.parametrize("sizes", [[120, 80], [90, 60, 50], [60, 60, 60, 60]])
@pytest.mark.parametrize("seed", range(3))
def test_auto_finds_the_planted_partition_and_calls_it_stable(sizes: list[int], seed: int) -> None:
    partition = finder().find(graph(sizes, seed=seed))
    assert adjusted_rand(partition.labels_N, labels(sizes)) > 0.95
    assert partition.stability is not None
    assert partition.stability > STABLE


def test_plain_modularity_would_have_split_what_auto_keeps_whole() -> None:
    planted = graph([120, 80])
    assert finder(with_resolution(1.5)).find(planted).communities > 2
    assert finder().find(planted).communities == 2


@pytest.mark.parametrize("seed", range(5))
def test_frame_of_one_phase_is_one_community(seed: int) -> None:
    partition = finder().find(graph([225], seed=seed))
    assert partition.communities == 1
    assert partition.resolution == LADDER[0]


def test_one_phase_stays_one_community_over_many_frames() -> None:
    found = finder()
    assert all(found.find(graph([225], seed=seed)).communities == 1 for seed in range(20))


def test_phase_that_grows_into_a_uniform_frame_is_found_and_the_resolution_follows() -> None:
    found = finder()
    found.find(graph([225], seed=0))
    answers = [found.find(graph([150, 75], seed=seed)) for seed in range(1, 40)]
    assert adjusted_rand(answers[-1].labels_N, labels([150, 75])) > 0.95
    assert answers[-1].resolution > LADDER[0]


def test_resolution_does_not_flicker_on_a_steady_stream() -> None:
    found = finder()
    rungs = [
        LADDER.index(found.find(graph([110, 70, 45], seed=seed)).resolution) for seed in range(40)
    ]
    changes = np.count_nonzero(np.diff(rungs))
    assert changes <= 2
    assert len(set(rungs[-20:])) == 1


def test_one_strange_frame_does_not_change_the_resolution() -> None:
    found = finder()
    for seed in range(20):
        before = found.find(graph([110, 70, 45], seed=seed)).resolution
    found.find(graph([225], seed=99))
    assert found.find(graph([110, 70, 45], seed=20)).resolution == before


def test_same_sequence_of_graphs_gives_the_same_bits() -> None:
    graphs = [graph([110, 115 - 3 * n, 3 * n + 1], seed=n) for n in range(12)]
    runs = []
    for _ in range(2):
        found = finder()
        runs.append([found.find(each) for each in graphs])
    for first, second in zip(*runs, strict=True):
        assert first.labels_N.tobytes() == second.labels_N.tobytes()
        assert (first.resolution, first.stability) == (second.resolution, second.stability)


def test_a_number_is_used_as_it_is_and_nothing_is_probed() -> None:
    counting = CountingClusterer()
    partition = finder(with_resolution(0.37), counting).find(graph([60, 60]))
    assert counting.asked == [0.37]
    assert (partition.resolution, partition.stability) == (0.37, None)


def test_later_frames_cost_at_most_three_partitions() -> None:
    counting = CountingClusterer()
    found = finder(AUTO, counting)
    planted = graph([120, 80])
    found.find(planted)
    assert len(counting.asked) == len(LADDER) * (1 + SURVEY_DRAWS)
    for _ in range(30):
        counting.asked.clear()
        found.find(planted)
        assert len(counting.asked) in (1, 2, 3)


def test_live_change_of_resolution_is_felt_by_the_next_frame() -> None:
    found = finder()
    planted = graph([120, 80])
    found.find(planted)
    found.apply(with_resolution(1.5))
    assert found.find(planted).resolution == 1.5
    found.apply(AUTO)
    back = found.find(planted)
    assert back.communities == 2
    assert back.stability is not None


def test_reset_forgets_the_series() -> None:
    found = finder()
    first = found.find(graph([120, 80], seed=1))
    for seed in range(2, 6):
        found.find(graph([70, 70, 60], seed=seed))
    found.reset()
    again = found.find(graph([120, 80], seed=1))
    assert again.labels_N.tobytes() == first.labels_N.tobytes()
    assert (again.resolution, again.stability) == (first.resolution, first.stability)


def test_frame_without_contrast_is_one_community_and_teaches_nothing() -> None:
    empty = graph_of([], nodes=200)
    found, other = finder(), finder()
    assert found.find(empty).communities == 1
    planted = graph([120, 80])
    first, second = found.find(planted), other.find(planted)
    assert (first.resolution, first.stability) == (second.resolution, second.stability)
    found.find(empty)
    assert found.find(planted).resolution == other.find(planted).resolution


def test_threshold_graphs_are_judged_as_well() -> None:
    settings = GraphSettings(edges="threshold", threshold=0.25)
    planted, _ = build_graph(embeddings(labels([120, 80]), seed=0), settings)
    partition = finder().find(planted)
    assert adjusted_rand(partition.labels_N, labels([120, 80])) > 0.95
