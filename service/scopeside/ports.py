"""The seams of the service: Protocols, each with a shipped fake in `scopeside.testing.fakes`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from scopeside.messages import (
    Array,
    ChipGrid,
    Float32,
    Frame,
    Graph,
    Int32,
    Int64,
    Partition,
    Provenance,
    Segmentation,
)
from scopeside.settings import Settings


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


class Thinner(Protocol):
    """Takes edges away from one graph, others with every draw; see `thinning.Thinning`."""

    def draw(self, number: int, *, share: float) -> AnyGraph: ...


class PlacedGraph(Protocol):
    """A similarity graph that lies on another device, and what is asked of it here.

    What a graph of `messages` holds is asked of it by functions of `partitions` and others, which
    pass the question on where the graph is placed.
    """

    @property
    def nodes(self) -> int: ...

    @property
    def edges(self) -> int:
        """Undirected edges; may wait for the device."""
        ...

    def modularity(self, labels_N: Int32, resolution: float) -> float:
        """See `partitions.modularity`."""
        ...

    def heaviest_neighbours(self, labels_N: Int32, of_K: Array) -> Int64:
        """Return, for each community that `of_K` marks, the one to which most weight leads.

        Equal claims go to the lower label. Itself where no edge leaves it, and for all others.
        """
        ...

    def thinning(self, *, seed: int) -> Thinner:
        """Return what `thinning.Thinning` is for graphs that lie here: it takes the same edges."""
        ...

    def brought(self) -> Graph:
        """Return the graph copied here: for arithmetic that only the host has."""
        ...


AnyGraph = Graph | PlacedGraph


class Clusterer(Protocol):
    """Finds communities; the same graph, resolution and seed give the same bits.

    But for one: cuGraph's, which may be asked for by name.
    """

    @property
    def name(self) -> str: ...

    def partition(self, graph: AnyGraph, *, resolution: float, seed: int) -> Partition: ...


class Identities(Protocol):
    """What other threads may ask of the identities known so far."""

    def knows(self, id_: int) -> bool: ...

    def named(self, name: str) -> tuple[int, ...]: ...

    def set_name(self, id_: int, name: str | None) -> bool: ...


class Segmenter(Protocol):
    """A pipeline, wherever it computes. One thread begins and finishes frames, in order.

    `lanes` is how many frames may be begun and not finished: where it is more than one, a device
    works on the next frame while the host finishes this one. No answer depends on it.
    """

    provenance: Provenance

    @property
    def lanes(self) -> int: ...

    @property
    def replans(self) -> int: ...

    @property
    def tracker(self) -> Identities: ...

    @property
    def memory(self) -> Memory: ...

    def plan(self, shape: tuple[int, int]) -> None:
        """Prepare for frames of `shape`: the only moment at which anything may be compiled."""
        ...

    def segment(self, frame: Frame) -> Segmentation:
        """Begin and finish one frame, where none is begun."""
        ...

    def begin(self, frame: Frame) -> Any:
        """Set a frame to work and return what `finish` takes.

        Raises DropError, as `finish` does, for a frame that cannot be used.
        """
        ...

    def finish(self, begun: Any) -> Segmentation:
        """Wait for the oldest frame begun and return its segmentation."""
        ...

    def recover(self) -> None:
        """Make good what a failure of `begin` or `finish` may have left behind.

        What is begun stays begun. Raises DeviceLostError where nothing can be made good.
        """
        ...

    def figures(self) -> Mapping[str, Any]:
        """Return what `status` says of the device; any thread may ask."""
        ...

    def apply(self, settings: Settings, *, config_hash: str) -> None: ...

    def reset(self) -> None:
        """Forget identities, names, the reference state and what was held for a series."""
        ...


class Memory(Protocol):
    """What of a pipeline outlasts the process, as numbers, texts, bytes, lists and maps.

    Between two frames, none begun.
    """

    def identity_state(self) -> Mapping[str, Any]:
        """Return identities, their names and the series that they belong to."""
        ...

    def restore_identities(self, state: Mapping[str, Any]) -> None:
        """Take back what `identity_state` returned, in this process or an earlier one.

        Raises ConfigError for what is no such state, or that of another encoder or other chips.
        """
        ...

    def keep_reference(self) -> tuple[int, ...]:
        """Keep the last frame's communities as the reference state, and return their ids.

        Between two frames, none begun. Raises ConfigError where no frame was segmented yet.
        """
        ...

    def reference_state(self) -> Mapping[str, Any] | None:
        """Return the reference state as numbers, strings and lists; None where there is none."""
        ...

    def restore_reference(self, state: Mapping[str, Any]) -> None:
        """Take back what `reference_state` returned, in this process or an earlier one.

        Raises ConfigError for what is no such state, or that of another encoder.
        """
        ...


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
