from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from planted import embeddings, graph_of, labels
from scopeside.messages import Float32, Graph, Partition
from scopeside.partitions import adjusted_rand, modularity, relabelled
from scopeside.ports import Clusterer
from scopeside.settings import GraphSettings, Settings
from scopeside.stages.communities import LouvainClusterer
from scopeside.stages.graph import build_graph
from scopeside.stages.resolution import (
    LADDER,
    PROBE_EVERY,
    SEARCHES,
    STABLE,
    STABLE_APART,
    CommunityFinder,
)

FINEST = SEARCHES["shared"].ladder[-1]
"""Of the resolutions tried in any mode."""


def in_spreads(**sections: dict[str, object]) -> Settings:
    """Settings whose distances are in units of the spread, which planted embeddings are made in."""
    return Settings.model_validate({"embed": {"weights": "seeded"}, **sections})


AUTO = in_spreads()


def with_resolution(resolution: float | str) -> Settings:
    return in_spreads(graph={"resolution": resolution})


def frame(sizes: list[int], *, seed: int = 0) -> tuple[Graph, Float32]:
    values_ND = embeddings(labels(sizes), seed=seed, features=512)
    return build_graph(values_ND, GraphSettings())[0], values_ND


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
    partition = finder().find(*frame(sizes, seed=seed))
    assert adjusted_rand(partition.labels_N, labels(sizes)) > 0.95
    assert partition.stability is not None
    assert partition.stability > STABLE


@pytest.mark.parametrize("resolution", [1.5, "auto"])
def test_what_louvain_divides_is_joined_where_it_does_not_differ(resolution: float | str) -> None:
    planted = frame([120, 80])
    apart = in_spreads(graph={"resolution": 1.5}, identity={"merge_distance": 0})
    assert finder(apart).find(*planted).communities > 2
    partition = finder(with_resolution(resolution)).find(*planted)
    assert partition.labels_N.tolist() == labels([120, 80]).tolist()
    assert partition.modularity == modularity(planted[0], partition.labels_N, partition.resolution)


@pytest.mark.parametrize("seed", range(5))
def test_frame_of_one_phase_is_one_community(seed: int) -> None:
    partition = finder().find(*frame([225], seed=seed))
    assert partition.communities == 1
    assert partition.resolution == LADDER[-1]


def test_one_phase_stays_one_community_over_many_frames() -> None:
    found = finder()
    assert all(found.find(*frame([225], seed=seed)).communities == 1 for seed in range(20))


def test_phase_that_comes_into_a_uniform_frame_is_found_at_once() -> None:
    found = finder()
    found.find(*frame([225], seed=0))
    answers = [found.find(*frame([190, 35], seed=seed)) for seed in range(1, 40)]
    agreements = [adjusted_rand(answer.labels_N, labels([190, 35])) for answer in answers]
    assert min(agreements) > 0.95


def test_resolution_does_not_flicker_on_a_steady_stream() -> None:
    found = finder()
    rungs = [
        LADDER.index(found.find(*frame([110, 70, 45], seed=seed)).resolution) for seed in range(40)
    ]
    changes = np.count_nonzero(np.diff(rungs))
    assert changes <= 2
    assert len(set(rungs[-20:])) == 1


def test_one_strange_frame_does_not_change_the_resolution() -> None:
    found = finder()
    for seed in range(20):
        before = found.find(*frame([110, 70, 45], seed=seed)).resolution
    found.find(*frame([225], seed=99))
    assert found.find(*frame([110, 70, 45], seed=20)).resolution == before


def test_same_sequence_of_frames_gives_the_same_bits() -> None:
    frames = [frame([110, 115 - 3 * n, 3 * n + 1], seed=n) for n in range(12)]
    runs = []
    for _ in range(2):
        found = finder()
        runs.append([found.find(*each) for each in frames])
    for first, second in zip(*runs, strict=True):
        assert first.labels_N.tobytes() == second.labels_N.tobytes()
        assert (first.resolution, first.stability) == (second.resolution, second.stability)


def test_a_number_is_used_as_it_is_and_nothing_is_probed() -> None:
    counting = CountingClusterer()
    partition = finder(with_resolution(0.37), counting).find(*frame([60, 60]))
    assert counting.asked == [0.37]
    assert (partition.resolution, partition.stability) == (0.37, None)


def test_frame_that_is_stable_nowhere_is_taken_at_the_coarsest_resolution() -> None:
    class Restless(CountingClusterer):
        """Divides every graph into halves of its own."""

        def partition(self, graph: Graph, *, resolution: float, seed: int) -> Partition:
            self.asked.append(resolution)
            random = np.random.default_rng(len(self.asked))
            labels_N = relabelled(random.integers(0, 2, graph.nodes))
            return Partition(labels_N=labels_N, communities=2, resolution=resolution, modularity=0)

    settings = in_spreads(identity={"merge_distance": 0})
    partition = finder(settings, Restless()).find(*frame([225]))
    assert partition.resolution == LADDER[0]
    assert partition.stability is not None
    assert partition.stability < 0.1


@pytest.mark.parametrize(("mode", "first"), [("chips", 28), ("shared", 32)])
def test_later_frames_cost_at_most_three_partitions(mode: str, first: int) -> None:
    counting = CountingClusterer()
    found = finder(in_spreads(embed={"weights": "seeded", "mode": mode}), counting)
    planted = frame([120, 80])
    found.find(*planted)
    assert len(counting.asked) == first
    for _ in range(30):
        counting.asked.clear()
        found.find(*planted)
        assert len(counting.asked) in (1, 2, 3)


def test_live_change_of_resolution_is_felt_by_the_next_frame() -> None:
    found = finder()
    planted = frame([120, 80])
    found.find(*planted)
    found.apply(with_resolution(1.5))
    assert found.find(*planted).resolution == 1.5
    found.apply(AUTO)
    back = found.find(*planted)
    assert back.communities == 2
    assert back.stability is not None


def test_reset_forgets_the_series() -> None:
    found = finder()
    first = found.find(*frame([120, 80], seed=1))
    for seed in range(2, 6):
        found.find(*frame([70, 70, 60], seed=seed))
    found.reset()
    again = found.find(*frame([120, 80], seed=1))
    assert again.labels_N.tobytes() == first.labels_N.tobytes()
    assert (again.resolution, again.stability) == (first.resolution, first.stability)


def test_frame_without_contrast_is_one_community_and_teaches_nothing() -> None:
    empty = graph_of([], nodes=200), np.ones((200, 8), np.float32)
    found, other = finder(), finder()
    assert found.find(*empty).communities == 1
    planted = frame([120, 80])
    first, second = found.find(*planted), other.find(*planted)
    assert (first.resolution, first.stability) == (second.resolution, second.stability)
    found.find(*empty)
    assert found.find(*planted).resolution == other.find(*planted).resolution


def test_threshold_graphs_are_judged_as_well() -> None:
    settings = GraphSettings(edges="threshold", threshold=0.25)
    values_ND = embeddings(labels([120, 80]), seed=0)
    partition = finder().find(build_graph(values_ND, settings)[0], values_ND)
    assert adjusted_rand(partition.labels_N, labels([120, 80])) > 0.95


class Told:
    """Answers with the planted halves up to a resolution, and with noise beyond it.

    The noise is nothing but noise, or in so many chips where `noisy_chips` says so.
    """

    name = "told"

    def __init__(self, *, up_to: float = LADDER[-1], noisy_chips: int | None = None) -> None:
        self.up_to = up_to
        self.noisy_chips = noisy_chips
        self._calls = 0

    def partition(self, graph: Graph, *, resolution: float, seed: int) -> Partition:
        self._calls += 1
        labels_N = labels([120, 80])
        if resolution > self.up_to:
            random = np.random.default_rng(self._calls)
            noisy_N = random.permutation(graph.nodes)[: self.noisy_chips]
            noise_N = (
                random.integers(0, 2, graph.nodes) if self.noisy_chips is None else 1 - labels_N
            )
            labels_N[noisy_N] = noise_N[noisy_N]
            labels_N = relabelled(labels_N)
        return Partition(labels_N=labels_N, communities=2, resolution=resolution, modularity=0.5)


def with_merge_distance(distance: float) -> Settings:
    return in_spreads(identity={"merge_distance": distance})


def at_distance(distance: float) -> tuple[Graph, Float32]:
    values_ND = embeddings(labels([120, 80]), seed=0, distance=distance, features=512)
    return build_graph(values_ND, GraphSettings())[0], values_ND


def test_of_equally_stable_resolutions_the_finest_is_taken() -> None:
    found = finder(with_merge_distance(0), Told())
    assert found.find(*frame([120, 80])).resolution == LADDER[-1]
    coarser = finder(with_merge_distance(0), Told(up_to=0.3))
    assert coarser.find(*frame([120, 80])).resolution == 0.3


class Alone(Told):
    """Answers at one resolution with other halves than at all the rest, stably."""

    def __init__(self, *, at: float) -> None:
        super().__init__(up_to=FINEST)
        self._at = at

    def partition(self, graph: Graph, *, resolution: float, seed: int) -> Partition:
        planted = super().partition(graph, resolution=resolution, seed=seed)
        if resolution != self._at:
            return planted
        return replace(planted, labels_N=relabelled(np.arange(graph.nodes) % 2))


def in_mode(mode: str) -> Settings:
    """Nothing is joined, so that what a clusterer answers is what counts."""
    return in_spreads(embed={"weights": "seeded", "mode": mode}, identity={"merge_distance": 0})


@pytest.mark.parametrize("resolution", SEARCHES["shared"].ladder)
def test_stable_split_that_one_resolution_alone_finds_is_not_taken_in_shared_mode(
    resolution: float,
) -> None:
    planted = frame([120, 80])
    found = finder(in_mode("shared"), Alone(at=resolution))
    answers = [found.find(*planted) for _ in range(20 * PROBE_EVERY)]
    assert resolution not in {one.resolution for one in answers}
    assert all(one.labels_N.tolist() == labels([120, 80]).tolist() for one in answers)


@pytest.mark.parametrize(("mode", "reach"), [("chips", 1), ("shared", 2)])
def test_probes_of_a_steady_stream_are_of_the_rungs_around_the_one_in_force(
    mode: str, reach: int
) -> None:
    counting = CountingClusterer()
    found = finder(in_spreads(embed={"weights": "seeded", "mode": mode}), counting)
    planted = frame([110, 70, 45])
    ladder = SEARCHES[mode].ladder
    in_force = ladder.index(found.find(*planted).resolution)
    counting.asked.clear()
    for _ in range(16 * PROBE_EVERY):
        found.find(*planted)
    around = ladder[max(in_force - reach, 0) : in_force + reach + 1]
    assert set(counting.asked) == set(around)


def test_resolution_that_has_become_unstable_is_given_up_but_not_at_once() -> None:
    told = Told()
    found = finder(with_merge_distance(0), told)
    planted = frame([120, 80])
    found.find(*planted)
    told.up_to = 0.3
    resolutions = [found.find(*planted).resolution for _ in range(120)]
    assert set(resolutions[: 2 * PROBE_EVERY]) == {LADDER[-1]}
    assert resolutions[-1] == 0.3
    steps = [LADDER.index(resolution) for resolution in resolutions]
    assert all(0 <= before - after <= 1 for before, after in pairwise(steps))


class Shaken:
    """The planted halves of a whole graph; of a thinned one, with some chips on the other side.

    So it is from the resolution `shaken_from` on. Coarser ones find the halves in every graph, or
    one community where `coarser_whole` says so.
    """

    name = "shaken"

    def __init__(
        self,
        whole: Graph,
        *,
        chips: int,
        shaken_from: float = LADDER[-1],
        coarser_whole: bool = True,
    ) -> None:
        self._edges = whole.edges
        self._chips = chips
        self._from = shaken_from
        self._coarser_whole = coarser_whole

    def partition(self, graph: Graph, *, resolution: float, seed: int) -> Partition:
        labels_N = labels([120, 80])
        if resolution < self._from:
            if self._coarser_whole:
                labels_N = np.zeros_like(labels_N)
        elif graph.edges < self._edges:
            labels_N[: self._chips] = 1
        return Partition(
            labels_N=labels_N,
            communities=int(labels_N.max()) + 1,
            resolution=resolution,
            modularity=0.5,
        )


def test_split_of_known_distances_needs_less_agreement_than_one_in_spreads() -> None:
    planted = frame([120, 80])
    shaken = labels([120, 80])
    shaken[:8] = 1
    assert STABLE_APART < adjusted_rand(labels([120, 80]), shaken) < STABLE
    clusterer = Shaken(planted[0], chips=8)
    assert finder(with_merge_distance(0), clusterer).find(*planted).communities == 1
    known = in_spreads(identity={"merge_distance": 0, "unit": 0.7})
    assert finder(known, clusterer).find(*planted).communities == 2


@pytest.mark.parametrize(
    ("mode", "shaken_chips", "finest"),
    [("chips", 2, True), ("chips", 3, False), ("shared", 1, True), ("shared", 2, False)],
)
def test_finest_of_resolutions_that_are_nearly_as_stable_is_taken(
    mode: str, shaken_chips: int, finest: bool
) -> None:
    planted = frame([120, 80])
    shaken = labels([120, 80])
    shaken[:shaken_chips] = 1
    behind = 1.0 - adjusted_rand(labels([120, 80]), shaken)
    search = SEARCHES[mode]
    assert (behind <= search.tolerance) is finest
    clusterer = Shaken(planted[0], chips=shaken_chips, shaken_from=0.45, coarser_whole=False)
    taken = finder(in_mode(mode), clusterer).find(*planted).resolution
    assert (taken == search.ladder[-1]) is finest


@pytest.mark.parametrize(
    ("mode", "communities", "resolution"), [("chips", 1, 1.0), ("shared", 2, 1.5)]
)
def test_split_that_shows_beyond_plain_modularity_is_found_in_shared_mode(
    mode: str, communities: int, resolution: float
) -> None:
    planted = frame([120, 80])
    found = finder(in_mode(mode), Shaken(planted[0], chips=0, shaken_from=1.2))
    partition = found.find(*planted)
    assert (partition.communities, partition.resolution) == (communities, resolution)
    assert found.resolution == resolution


@pytest.mark.parametrize("to", SEARCHES)
@pytest.mark.parametrize("mode", SEARCHES)
def test_what_was_learnt_is_restored_in_the_same_mode_alone(mode: str, to: str) -> None:
    before = finder(in_mode(mode), Told(up_to=SEARCHES[mode].ladder[-1]))
    planted = frame([120, 80])
    for _ in range(5 * PROBE_EVERY):
        before.find(*planted)
    after = finder(in_mode(to), Told())
    fresh = after.state()
    after.restore(before.state())
    assert after.state() == (before.state() if to == mode else fresh)


def test_frame_without_edges_is_partitioned_at_the_resolution_in_force_in_shared_mode() -> None:
    planted = frame([120, 80])
    found = finder(in_mode("shared"), Told(up_to=FINEST))
    in_force = found.find(*planted).resolution
    blank_ND = np.ones_like(planted[1])
    blank = build_graph(blank_ND, GraphSettings())[0]
    assert blank.edges == 0
    assert found.find(blank, blank_ND).resolution == in_force == FINEST


@pytest.mark.parametrize(("noisy_chips", "given_up"), [(2, False), (7, True)])
def test_resolution_in_force_may_fall_somewhat_farther_behind_than_one_that_is_chosen(
    noisy_chips: int, given_up: bool
) -> None:
    planted = frame([120, 80])
    told = Told(up_to=LADDER[-2], noisy_chips=noisy_chips)
    assert finder(with_merge_distance(0), told).find(*planted).resolution == LADDER[-2]
    told.up_to = LADDER[-1]
    found = finder(with_merge_distance(0), told)
    assert found.find(*planted).resolution == LADDER[-1]
    told.up_to = LADDER[-2]
    later = [found.find(*planted) for _ in range(30 * PROBE_EVERY)]
    assert (later[-1].resolution == LADDER[-2]) is given_up
    assert len({one.resolution for one in later}) == 1 + given_up


def test_communities_are_joined_well_within_the_distance_of_identities() -> None:
    planted = at_distance(0.6)
    assert finder(with_merge_distance(0.65), Told()).find(*planted).communities == 2
    assert finder(with_merge_distance(1.0), Told()).find(*planted).communities == 1


def test_communities_that_lie_just_at_the_distance_do_not_come_and_go() -> None:
    settings = with_merge_distance(1.0)
    assert finder(settings, Told()).find(*at_distance(0.72)).communities == 1
    found = finder(settings, Told())
    assert found.find(*at_distance(0.95)).communities == 2
    assert [found.find(*at_distance(0.72)).communities for _ in range(9)] == [2] * 9
    assert found.find(*at_distance(0.3)).communities == 1
    assert found.find(*at_distance(0.72)).communities == 1
