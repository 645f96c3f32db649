"""The seams of the service: Protocols, each with a shipped fake in `scopeside.testing.fakes`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from scopeside.messages import Array, ChipGrid, Float32, Graph, Partition, Segmentation


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderInfo:
    """What the provenance of a result says about the embedder."""

    name: str
    weights_name: str
    weights_sha256: str
    device: str
    features: int


class Embedder(Protocol):
    """Turns a normalised frame into one embedding a chip.

    `plan` may compile and allocate and is called before the first frame of a new shape; the
    other two run for every frame and do neither.
    """

    @property
    def info(self) -> EmbedderInfo: ...

    def plan(self, grid: ChipGrid) -> None: ...

    def prepare(self, image_YX: Float32, grid: ChipGrid) -> Array:
        """Cut the chips, or lay out the frame, for `embed`; the result may be reused memory."""
        ...

    def embed(self, prepared: Array, grid: ChipGrid) -> Float32:
        """Return `(N, D)` embeddings in the grid's order; a fresh array each time."""
        ...


class Clusterer(Protocol):
    """Finds communities; the same graph, resolution and seed give the same bits."""

    @property
    def name(self) -> str: ...

    def partition(self, graph: Graph, *, resolution: float, seed: int) -> Partition: ...


class MessageTap(Protocol):
    """Takes a copy of every message received; never waits and never raises."""

    def offer(self, parts: Sequence[Any], *, at_ns: int, at_s: float) -> bool:
        """Take a message received at `at_ns` (wall clock) and `at_s` (monotonic); False where it
        had to be dropped."""
        ...

    def look(self) -> None:
        """Do what is due now and then."""
        ...


class ResultSink(Protocol):
    """Where finished segmentations go (a socket, a folder, a list in a test)."""

    def put(self, segmentation: Segmentation) -> None: ...
