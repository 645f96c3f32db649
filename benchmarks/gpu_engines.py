"""Louvain by every engine on graphs of growing size: time, modularity, agreement, repeats.

Shape suffix: N nodes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import numpy as np
import torch

from gpu_attempt import attempted
from gpu_setup import Scale, percentiles_ms, timed
from harness import Row, significant
from louvain_graphs import knn_graph
from scopeside.device.card import Card
from scopeside.device.engines import kernel
from scopeside.device.engines.cugraph import THRESHOLD, CuGraphClusterer
from scopeside.device.engines.cugraph_library import PylibcugraphLibrary
from scopeside.device.engines.kernel import KernelClusterer
from scopeside.device.engines.packages import missing_packages
from scopeside.device.graph import DeviceGraph
from scopeside.device.looks import DeviceLooks
from scopeside.messages import Graph, Int32
from scopeside.partitions import adjusted_rand
from scopeside.ports import Clusterer
from scopeside.stages.communities import LouvainClusterer
from scopeside_kernels.louvain import Rows, louvain
from scopeside_kernels.symmetric import GraphTensors, graph_tensors

RESOLUTION, SEED, NOISE = 0.5, 42, 2.0
THRESHOLDS = (1e-3, 1e-5, THRESHOLD)
FEATURES = 8


def engine_rows(scale: Scale) -> Iterator[list[Row]]:
    """Measure all engines, size by size; `distinct` counts the answers to one question repeated."""
    for nodes in scale.nodes:
        graph = knn_graph(nodes, NOISE)
        yardstick = LouvainClusterer().partition(graph, resolution=RESOLUTION, seed=SEED).labels_N
        rows: list[Row] = []
        for name, engine, make in _engines(scale):
            what: Row = {"nodes": nodes, "engine": engine, "what": name}
            if make is None:
                rows.append(what | {"lacks": ", ".join(missing_packages()) or "a card"})
                continue
            row, flaw = attempted(
                lambda make=make, graph=graph, labels_N=yardstick: _measured(
                    scale, graph, make(), labels_N
                )
            )
            rows.append(what | (row or flaw))
        what = {"nodes": nodes, "engine": "", "what": "kernels alone, launched as a graph"}
        row, flaw = attempted(lambda graph=graph: _kernels_alone(scale, graph))
        yield [*rows, what | (row or flaw)]


def _engines(scale: Scale) -> Iterator[tuple[str, str, Callable[[], Clusterer] | None]]:
    """Return what makes each engine: a library that is installed may still fail to load."""
    yield "kernel", "kernel", KernelClusterer
    yield "scikit-network, graph copied to the host", "cpu", LouvainClusterer
    has_cugraph = not scale.rehearsal and not missing_packages()
    for threshold in THRESHOLDS:
        make = partial(_cugraph, scale.device, threshold) if has_cugraph else None
        # `auto` would take it at the threshold that is the default.
        yield f"cuGraph, threshold {threshold:g}", "cugraph" * (threshold == THRESHOLD), make


@cache
def _cugraph(device: str, threshold: float) -> CuGraphClusterer:
    return CuGraphClusterer(_library(device), threshold=threshold)


@cache
def _library(device: str) -> PylibcugraphLibrary:
    """The whole process has one: it takes over the memory of CuPy and RMM."""
    return PylibcugraphLibrary(torch.device(device))


def _measured(scale: Scale, graph: Graph, clusterer: Clusterer, yardstick_N: Int32) -> Row:
    card = scale.card()
    line = card.line(urgent=True)
    spent_s, labels, scores = [], [], []
    with line.use():
        tensors = placed(graph, card)
        rows_ND = torch.ones((graph.nodes, FEATURES), device=card.device)
        inverse_N = torch.ones(graph.nodes, device=card.device)
    for repeat in range(-1, scale.repeats):
        # Anew each time: what was asked before is remembered otherwise.
        looks = DeviceLooks(rows_ND, inverse_N, np.ones(graph.nodes, bool), line)
        device_graph = DeviceGraph(tensors, looks, line, edges=graph.edges)
        begun_s = time.perf_counter()
        partition = clusterer.partition(device_graph, resolution=RESOLUTION, seed=SEED)
        if repeat >= 0:
            spent_s.append(time.perf_counter() - begun_s)
            labels.append(partition.labels_N)
            scores.append(partition.modularity)
    agreements = [adjusted_rand(labels[0], other) for other in labels[1:]]
    return percentiles_ms(spent_s) | {
        "modularity": significant(float(np.median(scores)), 5),
        "ari_to_scikit_network": significant(adjusted_rand(labels[0], yardstick_N), 4),
        "distinct": len({each.tobytes() for each in labels}),
        "ari_of_repeats": significant(float(np.mean(agreements)), 4),
    }


def _kernels_alone(scale: Scale, graph: Graph) -> Row:
    card = scale.card()
    line = card.line()
    with line.use():
        tensors = placed(graph, card)
        rows = Rows.from_csr(tensors.offsets, tensors.neighbours, tensors.weights)
        places = len(graph.neighbours_E)
        workspace = kernel.plan(graph.nodes, places, device=card.device, resolution=RESOLUTION)
        louvain(rows, workspace)
    line.wait()
    launch = card.captured(line, lambda: louvain(rows, workspace), pool=card.pool())
    return percentiles_ms(timed(card, line, launch, scale.repeats))


def placed(graph: Graph, card: Card) -> GraphTensors:
    """Return a graph of the host on the card."""

    def there(values: Any) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(card.device)

    room = graph_tensors(graph.nodes, 0, device=card.device)
    return GraphTensors(
        width=None,
        offsets=there(graph.offsets),
        degree_N=there(np.diff(graph.offsets).astype(np.int32)),
        neighbours=there(graph.neighbours_E),
        weights=there(graph.weights_E),
        cursor_N=room.cursor_N,
        scratch_neighbours_E=room.scratch_neighbours_E,
        scratch_weights_E=room.scratch_weights_E,
    )
