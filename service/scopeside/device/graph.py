"""A frame's similarity graph on the card, as the host asks for it.

Shape suffixes: N chips; E places of edge arrays; K communities.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from scopeside.device.card import Line
from scopeside.device.groups import (
    Known,
    as_weights,
    between_room,
    groups_in,
    joined_matrix,
    on_device,
    weigh_groups,
)
from scopeside.device.looks import REMEMBERED, DeviceLooks
from scopeside.device.thinning import DeviceThinning
from scopeside.messages import Array, Graph, Int32, Int64
from scopeside.partitions import modularity
from scopeside.stages.communities import heaviest_neighbours
from scopeside_kernels.symmetric import GraphTensors

MOST_GROUPS = 1024
"""Communities beyond which the graph is brought here: their matrix would be larger than it."""

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What Louvain found on the card before anybody asked, at a resolution that was likely."""

    resolution: float
    labels_N: Int32


class DeviceGraph:
    """See `scopeside.ports.PlacedGraph`. `looks` are those of the chips that it joins.

    `found` may be used for a graph that is whole. What is asked is done in `line`.
    """

    def __init__(
        self,
        tensors: GraphTensors,
        looks: DeviceLooks,
        line: Line,
        *,
        edges: int | None = None,
        found: Found | None = None,
    ) -> None:
        self.tensors = tensors
        self.looks = looks
        self.line = line
        self.found = found
        self._edges = edges
        self._known: deque[Known] = deque(maxlen=REMEMBERED)
        self._brought: Graph | None = None

    @property
    def nodes(self) -> int:
        return len(self.tensors.degree_N)

    @property
    def places(self) -> int:
        """Places for directed edges, most of which hold one."""
        return len(self.tensors.neighbours)

    @property
    def edges(self) -> int:
        if self._edges is None:
            with self.line.use():
                self._edges = int(self.tensors.offsets[-1].item()) // 2
        return self._edges

    def learn(self, labels_N: Array, between_KK: Float64) -> None:
        """Take in the weights between a partition's communities, both directions counted."""
        self._known.appendleft(Known(group_N=labels_N.astype(np.int64), values_K=between_KK))

    def modularity(self, labels_N: Array, resolution: float) -> float:
        if self.edges == 0:
            return 0.0
        if groups_in(labels_N) > MOST_GROUPS:
            return modularity(self.brought(), labels_N, resolution)
        between_KK = self._between(labels_N)
        total = between_KK.sum()
        degree_K = between_KK.sum(axis=1) / total
        return float(np.trace(between_KK) / total - resolution * np.sum(degree_K**2))

    def heaviest_neighbours(self, labels_N: Int32, of_K: Array) -> Int64:
        communities = groups_in(labels_N)
        if communities > MOST_GROUPS:
            return heaviest_neighbours(self.brought(), labels_N, of_K)
        leaving_KK = self._between(labels_N).copy()
        np.fill_diagonal(leaving_KK, 0.0)
        leaves_K = of_K & (leaving_KK.max(axis=1) > 0)
        return np.where(leaves_K, leaving_KK.argmax(axis=1), np.arange(communities))

    def thinning(self, *, seed: int) -> DeviceThinning:
        return DeviceThinning(self, seed=seed)

    def brought(self) -> Graph:
        if self._brought is None:
            with self.line.use():
                offsets = self.tensors.offsets.cpu().numpy()
                edges = int(offsets[-1])
                self._brought = Graph(
                    offsets=offsets.copy(),
                    neighbours_E=self.tensors.neighbours[:edges].cpu().numpy().copy(),
                    weights_E=self.tensors.weights[:edges].cpu().numpy().copy(),
                )
        return self._brought

    def with_tensors(self, tensors: GraphTensors) -> DeviceGraph:
        """Return another graph of the same chips."""
        return DeviceGraph(tensors, self.looks, self.line)

    def _between(self, labels_N: Array) -> Float64:
        groups = groups_in(labels_N)
        for known in self._known:
            owner_K = known.owners(labels_N)
            if owner_K is not None:
                return joined_matrix(known.values_K, owner_K, groups)
        with self.line.use():
            device = self.tensors.offsets.device
            place_E = torch.arange(self.places, device=device)
            labels = on_device(labels_N.astype(np.int32), device)
            between = between_room(groups, device)
            weigh_groups(labels, self.tensors, place_E, between, groups)
            between_KK = as_weights(between.cpu().numpy(), groups)
        self.learn(labels_N, between_KK)
        return between_KK
