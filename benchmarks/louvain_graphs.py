"""The graphs on which Louvain's quality is judged: planted, kNN, threshold, tied, real chips.

Everything but the real chips is made from a seed. Real micrographs are read from the folder that
SCOPESIDE_DATA names; where one is missing its graphs are left out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness import ROOT
from scopeside.messages import Array, Graph, Int64
from scopeside_kernels.reference import neighbours, symmetric_csr, threshold_csr, unit_rows

DATA = Path(os.environ.get("SCOPESIDE_DATA", ROOT.parent / "shared" / "data"))
NEIGHBOURS = 15
GROUPS = 7
CHIP_PX = 64
MICROGRAPHS = (
    ("STO/Ge HAADF", "labelled/pnnl_sto_ge_haadf/images", 1024, (32, 16, 8)),
    ("superalloy SEM", "labelled/nasa_superalloy_sem/images", 512, (32, 16, 8)),
    ("nanoparticles TEM", "labelled/bf_tem_nanoparticles/images", 512, (32, 16)),
    ("nanorods in liquid", "streams/lptem_nanorods/frames", 1024, (32, 8)),
    ("gold, tensile", "streams/npg_tensile_brittle/stack.tif", 1024, (32, 16)),
    ("Ag-Au tilt", "streams/agau_tilt_movie/stack_half_every4th.tif", 480, (32, 16)),
    ("fly cord, sections", "labelled/sstem_drosophila_vnc/images", 1024, (32, 16)),
)
"""Name, file or folder under the data folder, largest side taken from the middle, strides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One graph to partition: what kind it is of, what it shows, and how to make it."""

    kind: str
    what: str
    make: Callable[[], Graph]


def cases() -> Iterator[Case]:
    """Every graph of the suite that can be made here, small ones first within a kind."""
    for nodes in (256, 1024, 4096, 16384):
        for mixing in (0.2, 0.5):
            yield Case(
                kind="planted",
                what=f"{nodes} nodes, {mixing:.0%} of the edges between groups",
                make=lambda nodes=nodes, mixing=mixing: planted_graph(nodes, mixing),
            )
    for nodes in (256, 1024, 4096, 16384):
        for noise in (2.0, 4.0):
            yield Case(
                kind="knn",
                what=f"{nodes} nodes, noise {noise:g}",
                make=lambda nodes=nodes, noise=noise: knn_graph(nodes, noise),
            )
    for nodes in (256, 1024):
        yield Case(
            kind="threshold",
            what=f"{nodes} nodes",
            make=lambda nodes=nodes: threshold_graph(nodes),
        )
    for side in (16, 32, 64):
        yield Case(
            kind="tied",
            what=f"torus of {side} x {side}",
            make=lambda side=side: torus(side),
        )
    yield Case(kind="tied", what="ring of 4096", make=lambda: ring(4096))
    for name, place, side_px, strides in MICROGRAPHS:
        if (DATA / place).exists():
            for stride_px in strides:
                yield Case(
                    kind="chips",
                    what=f"{name}, stride {stride_px}",
                    make=lambda place=place, side_px=side_px, stride_px=stride_px: chip_graph(
                        DATA / place, side_px, stride_px
                    ),
                )


def missing() -> list[str]:
    """Micrographs of the suite that are not at hand."""
    return [name for name, place, _, _ in MICROGRAPHS if not (DATA / place).exists()]


def joined(low_E: Int64, high_E: Int64, nodes: int) -> Graph:
    """The graph of unit weights with these undirected edges; doubles and loops are dropped."""
    pair_E = np.unique(np.minimum(low_E, high_E) * nodes + np.maximum(low_E, high_E))
    low_E, high_E = np.divmod(pair_E, nodes)
    low_E, high_E = low_E[low_E != high_E], high_E[low_E != high_E]
    directed_E = np.sort(np.concatenate([low_E * nodes + high_E, high_E * nodes + low_E]))
    rows_E, columns_E = np.divmod(directed_E, nodes)
    offsets = np.zeros(nodes + 1, np.int64)
    np.cumsum(np.bincount(rows_E, minlength=nodes), out=offsets[1:])
    return Graph(
        offsets=offsets,
        neighbours_E=columns_E.astype(np.int32),
        weights_E=np.ones(len(columns_E), np.float32),
    )


def planted_graph(nodes: int, mixing: float, degree: int = 20) -> Graph:
    """A random graph of about `degree` edges a node, `mixing` of them drawn from all nodes."""
    rng = np.random.default_rng((nodes, int(100 * mixing)))
    groups = max(4, nodes // 128)
    group_N = rng.integers(0, groups, nodes)
    order_N = np.argsort(group_N, kind="stable")
    first_K = np.searchsorted(group_N[order_N], np.arange(groups + 1))
    from_E = rng.integers(0, nodes, nodes * degree // 2)
    low_E, high_E = first_K[group_N[from_E]], first_K[group_N[from_E] + 1]
    near_E = order_N[rng.integers(low_E, high_E)]
    far_E = rng.integers(0, nodes, len(from_E))
    return joined(from_E, np.where(rng.random(len(from_E)) < mixing, far_E, near_E), nodes)


def knn_graph(nodes: int, noise: float) -> Graph:
    """kNN graph of noisy planted groups of unequal size, contiguous as regions of a frame are."""
    unit_ND = unit_rows(_embeddings(nodes, noise), centred=True)
    offsets, neighbours_E, weights_E = symmetric_csr(*neighbours(unit_ND, NEIGHBOURS))
    return Graph(offsets=offsets, neighbours_E=neighbours_E, weights_E=weights_E)


def threshold_graph(nodes: int) -> Graph:
    """Unweighted edges from a cosine of 0.25, after PNNL's public code: many edges a node."""
    unit_ND = unit_rows(_embeddings(nodes, 2.0), centred=True)
    offsets, neighbours_E = threshold_csr(unit_ND, 0.25)
    return Graph(offsets=offsets, neighbours_E=neighbours_E, weights_E=None)


def _embeddings(nodes: int, noise: float) -> Array:
    rng = np.random.default_rng(nodes)
    centres_KD = rng.normal(size=(GROUPS, 64))
    group_N = np.sort(rng.choice(GROUPS, nodes, p=np.arange(1, GROUPS + 1) / 28))
    values_ND = centres_KD[group_N] + noise * rng.normal(size=(nodes, 64))
    answer: Array = values_ND.astype(np.float32)
    return answer


def torus(side: int) -> Graph:
    """A torus of equal weights: every choice Louvain makes is a tie."""
    cells = np.arange(side * side).reshape(side, side)
    ways = [np.roll(cells, 1, axis).ravel() for axis in (0, 1)]
    return joined(np.tile(cells.ravel(), 2), np.concatenate(ways), side * side)


def ring(nodes: int) -> Graph:
    """The sparsest connected graph that has communities; they merge over many levels."""
    return joined(np.arange(nodes), np.roll(np.arange(nodes), 1), nodes)


def chip_graph(place: Path, side_px: int, stride_px: int) -> Graph:
    """The service's own graph of a micrograph, embedded in shared mode by the built-in encoder."""
    from scopeside.assembly import still_frame
    from scopeside.configuration import load_settings
    from scopeside.io import open_frames
    from scopeside.messages import ChipGrid
    from scopeside.stages.embed import build_embedder
    from scopeside.stages.graph import build_graph
    from scopeside.stages.preprocess import Preprocess

    settings = load_settings(
        sets=["embed.mode=shared", f"chips.size_px={CHIP_PX}", "embed.threads=1"]
    ).settings
    image_YX = next(iter(open_frames(place).frames()))
    if image_YX.ndim != 2:
        raise SystemExit(f"{place} is not a grey image.")
    top, left = (max(0, (length - side_px) // 2) for length in image_YX.shape)
    image_YX = image_YX[top : top + side_px, left : left + side_px]
    grid = ChipGrid(shape=image_YX.shape, chip_px=CHIP_PX, stride_px=stride_px)
    embedder = build_embedder(settings)
    image = Preprocess(settings.preprocess)(still_frame(image_YX))
    graph, _ = build_graph(
        embedder.embed(embedder.prepare(image.values_YX, grid), grid), settings.graph
    )
    return graph
