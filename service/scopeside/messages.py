"""The vocabulary: what travels between the stages, in the order in which a frame meets it.

    Frame -> Chips -> Embeddings -> Graph -> Partition -> Communities -> Segmentation

Frozen dataclasses only. Shape suffixes: Y, X frame pixels; R, C rows and columns of the chip
grid; N chips (row-major over R, C); H, W pixels of a chip; D embedding features; E directed
edges; K communities. Origin top left, y down. Durations are seconds from a monotonic clock;
wall-clock stamps are UTC nanoseconds and say `_ns`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
UInt16 = NDArray[np.uint16]
UInt8 = NDArray[np.uint8]
Array = NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One detector's values for one frame; `values` is read-only and may be big-endian."""

    name: str
    values: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One exposure as it arrived. `received_s` is monotonic, `received_ns` the wall clock."""

    series: str
    number: int
    t_ns: int
    channels: tuple[Channel, ...]
    received_ns: int
    received_s: float
    pixel_size_m: tuple[float, float] | None = None
    stage: Mapping[str, float] | None = None
    pixel_to_stage: tuple[tuple[float, float, float], tuple[float, float, float]] | None = None
    dose_e_per_m2: float | None = None
    clock_offset_ns: int | None = None
    clock_uncertainty_ns: int | None = None
    same_host: bool = False
    user: Any = None

    @property
    def image_YX(self) -> Array:
        """The first channel: the image whose pixels are labelled."""
        return self.channels[0].values

    @property
    def shape(self) -> tuple[int, int]:
        ny, nx = self.channels[0].values.shape
        return ny, nx


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """What a frame's pixels were found to be.

    `low` and `high` are the raw values mapped to 0 and 1. `flat` says that the frame held no
    contrast at all (constant, saturated or without a finite pixel).
    """

    low: float
    high: float
    flat: bool
    nonfinite_px: int
    saturated_fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Image(Contrast):
    """A frame after correction and contrast: float32 in [0, 1], finite everywhere.

    Zero where the frame was `flat`.
    """

    values_YX: Float32


@dataclass(frozen=True)
class ChipGrid:
    """Where the chips of a frame of `shape` lie; row-major, rows first.

    Origins step by `stride_px`; the last row and column are moved in so that they end at the
    frame's edge, so every pixel is covered whatever the frame's size. A frame smaller than a
    chip along an axis has one chip there, reaching past the edge by `pad_y`/`pad_x` pixels,
    which repeat the edge by reflection.
    """

    shape: tuple[int, int]
    chip_px: int
    stride_px: int

    @cached_property
    def y0_R(self) -> Int64:
        return _origins(self.shape[0], self.chip_px, self.stride_px)

    @cached_property
    def x0_C(self) -> Int64:
        return _origins(self.shape[1], self.chip_px, self.stride_px)

    @property
    def rows(self) -> int:
        return len(self.y0_R)

    @property
    def cols(self) -> int:
        return len(self.x0_C)

    @property
    def chips(self) -> int:
        return self.rows * self.cols

    @property
    def pad_y(self) -> int:
        return max(0, self.chip_px - self.shape[0])

    @property
    def pad_x(self) -> int:
        return max(0, self.chip_px - self.shape[1])

    @property
    def overlap_reach(self) -> int:
        """Rows or columns away at which a chip still overlaps; the next one at least."""
        return max(1, -(-self.chip_px // self.stride_px) - 1)


def _origins(length_px: int, chip_px: int, stride_px: int) -> Int64:
    last = max(0, length_px - chip_px)
    regular = np.arange(0, last + 1, stride_px, dtype=np.int64)
    return regular if regular[-1] == last else np.append(regular, last)


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Symmetric similarity graph in CSR form: no self loops, rows sorted by neighbour.

    `weights_E` is None when every edge weighs one (threshold graphs). Each undirected edge is
    stored twice, so `edges` is half of `len(neighbours_E)`.
    """

    offsets: Int64
    neighbours_E: Int32
    weights_E: Float32 | None

    @property
    def nodes(self) -> int:
        return len(self.offsets) - 1

    @property
    def edges(self) -> int:
        return len(self.neighbours_E) // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """Louvain's answer: `labels_N` counts from 0, communities ordered by first chip.

    `stability` is the agreement (mean adjusted Rand index) under resampling, None where the
    resolution was given as a number.
    """

    labels_N: Int32
    communities: int
    resolution: float
    modularity: float
    stability: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One persistent community of this frame."""

    id: int
    color: tuple[int, int, int]
    name: str | None
    age: int
    chips: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """Persistent ids per chip (`ids_N`, 1 and up), who they are, who came and who went."""

    ids_N: UInt16
    identities: tuple[Identity, ...]
    appeared: tuple[int, ...] = ()
    vanished: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """How chips divide their votes: `ballots_N` of `BALLOTS` for their own id, the rest for
    `second_N`."""

    second_N: UInt16
    ballots_N: UInt8


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelMap:
    """Every pixel's community id and the share (0 to 255) of the votes that chose it."""

    labels_YX: UInt16
    confidence_YX: UInt8


@dataclass(frozen=True, slots=True, kw_only=True)
class Community:
    """One community of one frame, as published; `confidence` is 0 to 1.

    `descriptors` are measures of its order by name, None where one does not apply; see
    docs/descriptors.md.
    """

    identity: Identity
    area_px: int
    fraction: float
    centroid_px: tuple[float, float]
    bbox_px: tuple[int, int, int, int]
    stage_m: tuple[float, float] | None
    mean_intensity: float
    confidence: float
    descriptors: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """The line along which two communities meet: `y * normal[0] + x * normal[1] = position_px`.

    `between` ascends, and `normal` (a unit vector `(y, x)`) points from the first to the second.
    Pixel centres lie at whole numbers. `y_px` and `x_px` are its middle, which does not jump where
    the normal turns, as the position does. Speeds are along the normal and None until the front
    was seen twice, those a second also where time does not go on; metres need a calibrated frame.
    """

    between: tuple[int, int]
    y_px: float
    x_px: float
    position_px: float
    position_m: float | None
    speed_px_per_s: float | None
    speed_m_per_s: float | None
    speed_px_per_frame: float | None
    roughness_px: float
    length_px: float
    normal: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphSummary:
    edges: int
    resolution: float
    modularity: float
    communities: int
    stability: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounting:
    """The books of one series, or of the whole service, at one moment.

    They balance: `received = segmented + sum(dropped) + duplicate + in_flight`. `missing`
    counts frame numbers that never arrived, capped at 2**63 - 1.
    """

    received: int = 0
    segmented: int = 0
    missing: int = 0
    duplicate: int = 0
    in_flight: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)

    @property
    def balanced(self) -> bool:
        accounted = self.segmented + sum(self.dropped.values()) + self.duplicate
        return self.received == accounted + self.in_flight


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    version: str
    config: str
    weights_name: str
    weights_sha256: str
    embedder: str
    clusterer: str
    device: str

    @property
    def encoder(self) -> str:
        """What embeddings mean depends on: of another encoder they cannot be compared."""
        return f"{self.weights_name} {self.weights_sha256}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmentation:
    """The whole result for one frame; `stages_s` keeps the order in which the stages ran."""

    frame: Frame
    image: Contrast
    grid: ChipGrid
    identified: Identified
    label_map: LabelMap
    communities: tuple[Community, ...]
    graph: GraphSummary
    provenance: Provenance
    stages_s: Mapping[str, float]
    replanned: bool = False
    fronts: tuple[Front, ...] = ()
