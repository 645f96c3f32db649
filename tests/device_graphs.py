"""Graphs of the host as a card has them: with room to spare, and rubbish in it."""

from __future__ import annotations

import numpy as np
import torch

from scopeside.device.graph import DeviceGraph
from scopeside.device.host_card import HostLine
from scopeside.device.looks import DeviceLooks
from scopeside.messages import Graph
from scopeside.settings import GraphSettings
from scopeside.stages.graph import build_graph
from scopeside_kernels.symmetric import GraphTensors, graph_tensors


def knn(chips=40, features=12, groups=4, k=5, seed=0):
    """A graph of chips in groups, and the embeddings it is made of."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(groups, features))
    rows_ND = 3 + centres[np.arange(chips) % groups] + 0.4 * random.normal(size=(chips, features))
    rows_ND = np.maximum(rows_ND, 0).astype(np.float32)
    return build_graph(rows_ND, GraphSettings(neighbours=k))[0], rows_ND


def placed(graph: Graph, rows_ND, spare=7) -> DeviceGraph:
    return DeviceGraph(tensors_of(graph, spare), looks_of(rows_ND), HostLine())


def tensors_of(graph: Graph, spare=7) -> GraphTensors:
    edges = len(graph.neighbours_E)
    tensors = graph_tensors(graph.nodes, 0, device="cpu")
    neighbours = np.full(edges + spare, graph.nodes - 1, np.int32)
    weights = np.full(edges + spare, 9.5, np.float32)
    neighbours[:edges] = graph.neighbours_E
    weights[:edges] = 1.0 if graph.weights_E is None else graph.weights_E
    return GraphTensors(
        width=None,
        offsets=torch.from_numpy(graph.offsets.astype(np.int64)),
        degree_N=torch.from_numpy(np.diff(graph.offsets).astype(np.int32)),
        neighbours=torch.from_numpy(neighbours),
        weights=torch.from_numpy(weights),
        cursor_N=tensors.cursor_N,
        scratch_neighbours_E=tensors.scratch_neighbours_E,
        scratch_weights_E=tensors.scratch_weights_E,
    )


def looks_of(rows_ND) -> DeviceLooks:
    norm_N = np.linalg.norm(rows_ND, axis=1)
    inverse_N = np.divide(1.0, norm_N, out=np.zeros_like(norm_N), where=norm_N > 0)
    return DeviceLooks(
        torch.from_numpy(rows_ND), torch.from_numpy(inverse_N), inverse_N > 0, HostLine()
    )
