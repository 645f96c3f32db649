"""The parity preset against the published method's loop, on equal embeddings.

Louvain is greedy: on a graph with several near-equal answers the loop itself disagrees with
itself when the chips are visited in another order. Where it agrees with itself from every seed
and order tried, its answer is the graph's, and ours must be the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from parity.reference_loop import same_partition, settled
from planted import embeddings, labels
from scopeside.bench.reference_loop import adjacency, communities
from scopeside.configuration import load_settings
from scopeside.io import open_frames
from scopeside.messages import ChipGrid, Graph
from scopeside.partitions import adjusted_rand, edge_rows, relabelled
from scopeside.settings import Settings
from scopeside.stages.communities import LouvainClusterer, merge_small
from scopeside.stages.embed import build_embedder
from scopeside.stages.graph import build_graph
from scopeside.stages.identity import IdentityTracker
from scopeside.stages.resolution import CommunityFinder
from scopeside.testing.specimen import IrradiatedFilm
from scopeside_kernels.reference import contrast_window, normalise

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("SCOPESIDE_DATA", ROOT.parent / "shared" / "data"))
PRESET = load_settings([ROOT / "config" / "parity.toml"], {}, []).settings
SIMILARITY_QUANTILES = (0.1, 0.35, 0.5, 0.9, 0.995)
REAL = (
    "streams/swnt_growth_etem/stack.tif",
    "labelled/bf_tem_nanoparticles/images",
    "labelled/nasa_superalloy_sem/images",
    "labelled/nasa_ebc_sem/images",
)

Embed = Callable[[np.ndarray], tuple[np.ndarray, ChipGrid]]


@pytest.fixture(scope="module")
def embed() -> Embed:
    """Embeds a frame as the preset says: min-max contrast, 32-px chips that do not overlap."""
    embedder = build_embedder(PRESET)

    def run(image_YX: np.ndarray) -> tuple[np.ndarray, ChipGrid]:
        window = contrast_window(image_YX, 0.0, 100.0)
        grid = ChipGrid(
            shape=image_YX.shape,
            chip_px=PRESET.chips.size_px,
            stride_px=PRESET.chips.effective_stride_px,
        )
        embedder.plan(grid)
        prepared = embedder.prepare(normalise(image_YX, window.low, window.high), grid)
        return embedder.embed(prepared, grid), grid

    return run


def cutoffs(embeddings_ND: np.ndarray) -> list[float]:
    """PNNL's 0.8 and a spread of others, each in the widest gap about, clear of rounding."""
    similarity_P = np.sort(1.0 - pdist(embeddings_ND.astype(np.float64), metric="cosine"))
    answer = [0.8]
    for quantile in SIMILARITY_QUANTILES:
        about = max(1, int(quantile * len(similarity_P)) - 20)
        gaps = np.diff(similarity_P[about : about + 40])
        low = about + int(gaps.argmax())
        answer.append(float((similarity_P[low] + similarity_P[low + 1]) / 2))
    return answer


def with_threshold(threshold: float) -> Settings:
    graph = PRESET.graph.model_copy(update={"threshold": threshold})
    return PRESET.model_copy(update={"graph": graph})


def dense(graph: Graph) -> np.ndarray:
    joined_NN = np.zeros((graph.nodes, graph.nodes), dtype=bool)
    joined_NN[edge_rows(graph), graph.neighbours_E] = True
    return joined_NN


def compare(embeddings_ND: np.ndarray, grid: ChipGrid | None = None) -> int:
    """Compare at every cutoff; return at how many the loop agreed with itself.

    That is a fact about the graphs. What the tests demand is what was counted, so that a change to
    the encoder or the cutoffs which leaves little to compare is noticed.
    """
    agreed = 0
    for cutoff in cutoffs(embeddings_ND):
        settings = with_threshold(cutoff)
        joined_NN = adjacency(embeddings_ND, cutoff)
        graph, unit_ND = build_graph(embeddings_ND, settings.graph)
        assert np.array_equal(dense(graph), joined_NN)
        reference_N = settled(joined_NN)
        if reference_N is None:
            continue
        agreed += 1
        found = CommunityFinder(LouvainClusterer(), settings).find(graph, embeddings_ND)
        partition = merge_small(graph, found, unit_ND, min_chips=settings.communities.min_chips)
        assert adjusted_rand(relabelled(reference_N), partition.labels_N) == 1.0
        if grid is not None:
            tracker = IdentityTracker(merge_distance=settings.identity.merge_distance)
            ids_N = tracker.identify(partition, embeddings_ND, grid).ids_N
            assert same_partition(reference_N, ids_N.astype(np.int64))
    return agreed


@pytest.mark.parametrize("seed", range(2))
def test_planted_communities_are_partitioned_as_the_loop_does(seed: int) -> None:
    planted_N = labels([40, 30, 20])
    values_ND = embeddings(planted_N, seed=seed, distance=3.0) - 18.0
    assert compare(values_ND) >= 4


def test_simulated_frames_are_partitioned_as_the_loop_does(embed: Embed) -> None:
    agreed = 0
    for seed in range(2):
        film = IrradiatedFilm(shape=(192, 288), seed=seed)  # the plain loop compares all pairs
        for part in (0.3, 0.6):
            counts_YX = film.expose(part * film.dose_full_e_per_m2).counts_YX
            agreed += compare(*embed(counts_YX))
    assert agreed >= 17


def real_frame(name: str) -> np.ndarray:
    """The first frame there, cut to at most 192 x 288 so that the plain loop stays quick."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"no {name} under SCOPESIDE_DATA ({DATA})")
    if path.is_dir():
        path = min(path.iterdir())
    return np.ascontiguousarray(open_frames(path).frame(0)[:192, :288])


def test_real_frames_have_the_edges_and_partitions_of_the_loop(embed: Embed) -> None:
    frames = [real_frame(name) for name in REAL]
    agreed = [compare(*embed(frame_YX)) for frame_YX in frames]
    assert min(agreed) >= 1
    assert sum(agreed) >= 8


def test_preset_is_the_published_loop() -> None:
    assert (PRESET.chips.size_px, PRESET.chips.effective_stride_px) == (32, 32)
    assert (PRESET.graph.edges, PRESET.graph.threshold) == ("threshold", 0.8)
    assert (PRESET.graph.resolution, PRESET.graph.centred) == (1.0, False)
    assert (PRESET.communities.min_chips, PRESET.communities.seed) == (1, 42)
    assert (PRESET.preprocess.low_percentile, PRESET.preprocess.high_percentile) == (0.0, 100.0)
    assert PRESET.identity.merge_distance == 0


def test_an_ambiguous_graph_is_called_unstable() -> None:
    ring_NN = np.zeros((24, 24), dtype=bool)
    for node in range(24):
        ring_NN[node, (node + 1) % 24] = ring_NN[(node + 1) % 24, node] = True
    assert settled(ring_NN) is None


def test_order_of_the_chips_does_not_matter_to_the_loop_where_it_is_clear() -> None:
    blocks_NN = np.kron(np.eye(3), np.ones((8, 8))).astype(bool)
    np.fill_diagonal(blocks_NN, val=False)
    reference_N = settled(blocks_NN)
    assert reference_N is not None
    assert same_partition(reference_N, np.repeat(np.arange(3), 8))
    assert same_partition(communities(blocks_NN, seed=1), reference_N)
