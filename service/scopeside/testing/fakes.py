"""Stand-ins for the ports, with behaviour that a test can steer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from threading import Event
from typing import Any

import numpy as np

from scopeside.messages import Array, ChipGrid, Float32, Partition, Segmentation
from scopeside.ports import AnyGraph, Embedder, EmbedderInfo


class ListSink:
    """A result sink that keeps what it gets."""

    def __init__(self) -> None:
        self.segmentations: list[Segmentation] = []

    def put(self, segmentation: Segmentation) -> None:
        self.segmentations.append(segmentation)


class FixedClusterer:
    """A clusterer that knows the answer: `labels_N`, whatever the graph."""

    name = "fixed"

    def __init__(self, labels_N: Array) -> None:
        self._labels_N = np.asarray(labels_N, dtype=np.int32)

    def partition(self, graph: AnyGraph, *, resolution: float, seed: int) -> Partition:
        del graph, seed
        return Partition(
            labels_N=self._labels_N,
            communities=len(np.unique(self._labels_N)),
            resolution=resolution,
            modularity=0.0,
        )


class GatedEmbedder:
    """An embedder that waits at a gate, so that a test decides when a frame is done.

    `entered` is set when a frame has come to the gate. The gate is open at first.
    """

    def __init__(self, inner: Embedder) -> None:
        self._inner = inner
        self.entered = Event()
        self.gate = Event()
        self.gate.set()

    @property
    def info(self) -> EmbedderInfo:
        return self._inner.info

    def plan(self, grid: ChipGrid) -> None:
        self._inner.plan(grid)

    def prepare(self, image_YX: Float32, grid: ChipGrid) -> Array:
        return self._inner.prepare(image_YX, grid)

    def embed(self, prepared: Array, grid: ChipGrid) -> Float32:
        self.entered.set()
        self.gate.wait()
        return self._inner.embed(prepared, grid)


class FaultyEmbedder:
    """An embedder that fails on the calls of `embed` whose numbers (from 0) are in `fail_on`."""

    def __init__(self, inner: Embedder, fail_on: Collection[int] = ()) -> None:
        self._inner = inner
        self.fail_on = set(fail_on)
        self.calls = 0

    @property
    def info(self) -> EmbedderInfo:
        return self._inner.info

    def plan(self, grid: ChipGrid) -> None:
        self._inner.plan(grid)

    def prepare(self, image_YX: Float32, grid: ChipGrid) -> Array:
        return self._inner.prepare(image_YX, grid)

    def embed(self, prepared: Array, grid: ChipGrid) -> Float32:
        call, self.calls = self.calls, self.calls + 1
        if call in self.fail_on:
            raise RuntimeError(f"call {call} was to fail")
        return self._inner.embed(prepared, grid)


class ListTap:
    """A tap that keeps what it is offered, up to `room` messages; `looks` counts its turns."""

    def __init__(self, *, room: int = 2**31) -> None:
        self.messages: list[tuple[tuple[bytes, ...], int, float]] = []
        self.dropped = 0
        self.looks = 0
        self._room = room

    def offer(self, parts: Sequence[Any], *, at_ns: int, at_s: float) -> bool:
        if len(self.messages) == self._room:
            self.dropped += 1
            return False
        self.messages.append((tuple(bytes(part) for part in parts), at_ns, at_s))
        return True

    def look(self) -> None:
        self.looks += 1
