"""Our own parallel Louvain by its kernels.

Shape suffixes: N chips; K communities.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import torch

from scopeside.device.graph import DeviceGraph
from scopeside.device.groups import (
    KEPT,
    GroupRoom,
    as_weights,
    group_room,
    sum_groups,
    weigh_groups,
)
from scopeside.messages import Int32, Partition
from scopeside.partitions import community_count, modularity
from scopeside.ports import AnyGraph
from scopeside.stages.communities import ParallelClusterer
from scopeside.stages.communities.parallel import fits
from scopeside_kernels.louvain import Rows, Workspace, louvain, plan

PLANNED = 4
"""Sizes of graphs whose memory is kept."""


class KernelClusterer:
    """The same bits as `ParallelClusterer`, which takes what does not lie on a card, has no edges,
    or is beyond the integers of either."""

    def __init__(self) -> None:
        self._here = ParallelClusterer()
        self._rooms: OrderedDict[tuple[int, int, int], tuple[Workspace, GroupRoom]] = OrderedDict()

    @property
    def name(self) -> str:
        return self._here.name

    def partition(self, graph: AnyGraph, *, resolution: float, seed: int) -> Partition:
        """Find communities; `resolution` 1 is plain modularity, a lower one joins more."""
        if (
            not isinstance(graph, DeviceGraph)
            or not fits(graph.nodes, graph.places, resolution)
            or graph.edges == 0
        ):
            return self._here.partition(graph, resolution=resolution, seed=seed)
        labels_N = self._on_card(graph, resolution)
        return Partition(
            labels_N=labels_N,
            communities=community_count(labels_N),
            resolution=resolution,
            modularity=modularity(graph, labels_N, resolution),
        )

    def _on_card(self, graph: DeviceGraph, resolution: float) -> Int32:
        if graph.found is not None and graph.found.resolution == resolution:
            return graph.found.labels_N
        tensors, looks = graph.tensors, graph.looks
        with graph.line.use():
            workspace, groups = self._room(graph)
            workspace.set_resolution(resolution)
            rows = Rows.from_csr(tensors.offsets, tensors.neighbours, tensors.weights)
            numbers_N = louvain(rows, workspace)
            sum_groups(numbers_N, looks.rows_ND, looks.inverse_N, groups.sums_KD)
            weigh_groups(numbers_N, tensors, groups.places_E, groups.between_KK, KEPT)
            labels_N: Int32 = numbers_N.cpu().numpy().copy()
            communities = community_count(labels_N)
            if communities <= KEPT:
                looks.learn(
                    labels_N.astype(np.int64), groups.sums_KD[:communities].cpu().numpy().copy()
                )
                between_KK = as_weights(groups.between_KK.cpu().numpy(), KEPT)
                graph.learn(labels_N, between_KK[:communities, :communities])
        return labels_N

    def _room(self, graph: DeviceGraph) -> tuple[Workspace, GroupRoom]:
        device: torch.device = graph.tensors.offsets.device
        features = graph.looks.rows_ND.shape[1]
        size = (graph.nodes, graph.places, features)
        if size not in self._rooms:
            workspace = plan(graph.nodes, max(1, graph.places), device=device)
            self._rooms[size] = workspace, group_room(graph.places, features, device)
            if len(self._rooms) > PLANNED:
                self._rooms.popitem(last=False)
        self._rooms.move_to_end(size)
        return self._rooms[size]
