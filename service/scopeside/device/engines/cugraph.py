"""Louvain by NVIDIA's cuGraph, behind a seam to the library.

Its answers may differ from run to run: it has no seed, and its moves race. `THRESHOLD` is cuGraph's
own default; how its choice and the repeats behave is measured by `benchmarks/gpu_pipeline.py`.

Shape suffixes: N chips; E directed edges.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from scopeside.device.graph import DeviceGraph
from scopeside.messages import Graph, Partition
from scopeside.partitions import community_count, edge_weights, modularity, relabelled
from scopeside.ports import AnyGraph
from scopeside.stages.communities import ParallelClusterer

THRESHOLD = 1e-7
"""Gain in modularity below which a level is the last."""
MOST_LEVELS = 100


class GraphLibrary(Protocol):
    """cuGraph on one device. `scopeside.testing.cards` has its stand-in."""

    @property
    def version(self) -> str: ...

    @property
    def device(self) -> torch.device: ...

    def louvain(
        self,
        offsets: Tensor,
        neighbours_E: Tensor,
        weights_E: Tensor,
        *,
        resolution: float,
        threshold: float,
        levels: int,
    ) -> Tensor:
        """Return the community of every node of a symmetric CSR graph, in any numbering (N).

        Offsets and neighbours are int32, weights float32, on the library's device; the order of
        work is torch's current one.
        """
        ...


class CuGraphClusterer:
    """Takes graphs on the card where they are; others are copied there.

    A graph without edges is taken as our own engines take it.
    """

    def __init__(self, library: GraphLibrary, *, threshold: float = THRESHOLD) -> None:
        self._library = library
        self._threshold = threshold
        self._without_edges = ParallelClusterer()

    @property
    def name(self) -> str:
        return f"louvain/cugraph-{self._library.version}"

    def partition(self, graph: AnyGraph, *, resolution: float, seed: int) -> Partition:
        """Find communities; `resolution` 1 is plain modularity, a lower one joins more."""
        if graph.edges == 0:
            return self._without_edges.partition(graph, resolution=resolution, seed=seed)
        if isinstance(graph, DeviceGraph):
            edges, tensors = 2 * graph.edges, graph.tensors
            with graph.line.use():
                labels = self._louvain(
                    tensors.offsets.to(torch.int32),
                    tensors.neighbours[:edges],
                    tensors.weights[:edges],
                    resolution,
                )
        else:
            here = graph if isinstance(graph, Graph) else graph.brought()
            device = self._library.device
            labels = self._louvain(
                torch.from_numpy(here.offsets.astype(np.int32)).to(device),
                torch.from_numpy(here.neighbours_E).to(device),
                torch.from_numpy(edge_weights(here).astype(np.float32)).to(device),
                resolution,
            )
        labels_N = relabelled(labels.numpy())
        return Partition(
            labels_N=labels_N,
            communities=community_count(labels_N),
            resolution=resolution,
            modularity=modularity(graph, labels_N, resolution),
        )

    def _louvain(
        self, offsets: Tensor, neighbours_E: Tensor, weights_E: Tensor, resolution: float
    ) -> Tensor:
        found_N = self._library.louvain(
            offsets,
            neighbours_E,
            weights_E,
            resolution=resolution,
            threshold=self._threshold,
            levels=MOST_LEVELS,
        )
        return found_N.cpu()
