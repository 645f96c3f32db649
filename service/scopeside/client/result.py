"""One result of the service as a subscriber sees it: label map, communities, times and books.

Shapes: Y, X frame pixels; R, C rows and columns of the chip grid. Origin top left, y down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from scopeside.client.label_map import LabelMap, PixelToStage
from scopeside.errors import DropError, DropReason
from scopeside.messages import Array
from scopeside.wire.results import decode_result


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ResultGrid:
    """The chip grid and the community id of every chip."""

    rows: int
    cols: int
    chip_px: int
    stride_px: int
    labels_RC: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultCommunity:
    """One community of one frame; `fraction` is of labelled pixels, `age` counts frames.

    `descriptors` are the measures of its order by name, None where one does not apply.
    """

    id: int
    name: str | None
    color: tuple[int, int, int]
    chips: int
    area_px: int
    fraction: float
    centroid_px: tuple[float, float]
    bbox_px: tuple[int, int, int, int]
    stage_m: tuple[float, float] | None
    mean_intensity: float
    confidence: float
    age: int
    descriptors: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Its name where it has one, else its number."""
        return self.name or f"community {self.id}"


_OWN_KEYS = {one.name for one in fields(ResultCommunity)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFront:
    """The line along which two communities meet; see `scopeside.messages.Front`.

    `y_px` and `x_px` are None where the service is older than they are.
    """

    between: tuple[int, int]
    y_px: float | None
    x_px: float | None
    position_px: float
    position_m: float | None
    speed_px_per_s: float | None
    speed_m_per_s: float | None
    speed_px_per_frame: float | None
    roughness_px: float
    length_px: float
    normal: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultTiming:
    """Where the time went; `end_to_end_s` is None where the two clocks cannot be compared."""

    t_received_ns: int
    t_published_ns: int
    stages_s: Mapping[str, float]
    service_s: float
    end_to_end_s: float | None
    uncertainty_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultAccounting:
    """The books of the series up to this frame."""

    received: int
    segmented: int
    missing: int
    duplicate: int
    dropped: Mapping[str, int]
    in_flight: int = 0

    @property
    def dropped_total(self) -> int:
        return sum(self.dropped.values())

    @property
    def balances(self) -> bool:
        """Whether every received message is accounted for."""
        known = self.segmented + self.dropped_total + self.duplicate + self.in_flight
        return self.received == known

    @classmethod
    def from_message(cls, books: Mapping[str, Any]) -> ResultAccounting:
        return cls(
            received=int(books["received"]),
            segmented=int(books["segmented"]),
            missing=int(books["missing"]),
            duplicate=int(books["duplicate"]),
            dropped={str(reason): int(count) for reason, count in books["dropped"].items()},
            in_flight=int(books.get("in_flight", 0)),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Result:
    """The segmentation of one frame; `raw` is the whole message, with what later versions add."""

    series: str
    frame: int
    t_ns: int
    stage: Mapping[str, float] | None
    user: Any
    labels_YX: Array
    confidence_YX: Array
    grid: ResultGrid
    communities: tuple[ResultCommunity, ...]
    graph: Mapping[str, Any]
    timing: ResultTiming
    accounting: ResultAccounting
    provenance: Mapping[str, Any]
    pixel_size_m: tuple[float, float] | None
    pixel_to_stage: PixelToStage | None
    raw: Mapping[str, Any]
    fronts: tuple[ResultFront, ...] = ()

    @property
    def label_map(self) -> LabelMap:
        """The label map with what a loop asks of it: masks, points, areas, borders."""
        return LabelMap(
            labels_YX=self.labels_YX,
            confidence_YX=self.confidence_YX,
            communities=self.communities,
            pixel_size_m=self.pixel_size_m,
            pixel_to_stage=self.pixel_to_stage,
        )

    def fraction(self, community: int | str) -> float:
        """Return the share of the labelled pixels that a community (by id or name) covers.

        A name stands for all that bear it; what is not in the frame covers 0.
        """
        return sum(
            one.fraction
            for one in self.communities
            if (one.name if isinstance(community, str) else one.id) == community
        )

    @classmethod
    def from_bytes(cls, message: bytes) -> Result:
        """Decode one message of the results endpoint.

        Raises DropError, as `wire.results.decode_result` does, for a message that is no result
        of a version this client knows.
        """
        raw = decode_result(message)
        try:
            return cls(
                series=str(raw["series"]),
                frame=int(raw["frame"]),
                t_ns=int(raw["t_ns"]),
                stage=raw.get("stage"),
                user=raw.get("user"),
                labels_YX=raw["labels"],
                confidence_YX=raw["confidence"],
                grid=_grid(raw["grid"]),
                communities=tuple(_community(entry) for entry in raw["communities"]),
                graph=raw["graph"],
                timing=_timing(raw["timing"]),
                accounting=ResultAccounting.from_message(raw["accounting"]),
                provenance=raw["provenance"],
                pixel_size_m=_pixel_size(raw.get("pixel_size_m")),
                pixel_to_stage=_affine(raw.get("pixel_to_stage")),
                raw=raw,
                fronts=tuple(_front(entry) for entry in raw.get("fronts", ())),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DropError(
                DropReason.BAD_HEADER, f"A result lacks a field or holds a wrong one: {error!r}."
            ) from error


def _pixel_size(value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    y_m, x_m = value
    return float(y_m), float(x_m)


def _affine(value: Any) -> PixelToStage | None:
    if value is None:
        return None
    (a, b, c), (d, e, f) = value
    return (float(a), float(b), float(c)), (float(d), float(e), float(f))


def _grid(grid: Mapping[str, Any]) -> ResultGrid:
    return ResultGrid(
        rows=int(grid["rows"]),
        cols=int(grid["cols"]),
        chip_px=int(grid["chip_px"]),
        stride_px=int(grid["stride_px"]),
        labels_RC=grid["labels"],
    )


def _community(entry: Mapping[str, Any]) -> ResultCommunity:
    red, green, blue = (int(part) for part in entry["color"])
    y, x = (float(part) for part in entry["centroid_px"])
    y0, x0, y1, x1 = (int(part) for part in entry["bbox_px"])
    stage_m = entry["stage_m"]
    return ResultCommunity(
        id=int(entry["id"]),
        name=entry["name"],
        color=(red, green, blue),
        chips=int(entry["chips"]),
        area_px=int(entry["area_px"]),
        fraction=float(entry["fraction"]),
        centroid_px=(y, x),
        bbox_px=(y0, x0, y1, x1),
        stage_m=None if stage_m is None else (float(stage_m[0]), float(stage_m[1])),
        mean_intensity=float(entry["mean_intensity"]),
        confidence=float(entry["confidence"]),
        age=int(entry["age"]),
        descriptors=_descriptors(entry),
    )


def _descriptors(entry: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the keys beyond the contract's own that are numbers or nil."""
    return {
        str(name): None if value is None else float(value)
        for name, value in entry.items()
        if name not in _OWN_KEYS and _is_number_or_none(value)
    }


def _is_number_or_none(value: Any) -> bool:
    # A bool is an int to Python, and no measure.
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _front(entry: Mapping[str, Any]) -> ResultFront:
    a, b = (int(id_) for id_ in entry["between"])
    y, x = (float(part) for part in entry["normal"])
    return ResultFront(
        between=(a, b),
        y_px=_optional(entry.get("y_px")),
        x_px=_optional(entry.get("x_px")),
        position_px=float(entry["position_px"]),
        position_m=_optional(entry["position_m"]),
        speed_px_per_s=_optional(entry["speed_px_per_s"]),
        speed_m_per_s=_optional(entry["speed_m_per_s"]),
        speed_px_per_frame=_optional(entry["speed_px_per_frame"]),
        roughness_px=float(entry["roughness_px"]),
        length_px=float(entry["length_px"]),
        normal=(y, x),
    )


def _optional(value: Any) -> float | None:
    return None if value is None else float(value)


def _timing(timing: Mapping[str, Any]) -> ResultTiming:
    return ResultTiming(
        t_received_ns=int(timing["t_received_ns"]),
        t_published_ns=int(timing["t_published_ns"]),
        stages_s={str(stage): float(seconds) for stage, seconds in timing["stages"].items()},
        service_s=float(timing["service_s"]),
        end_to_end_s=timing["end_to_end_s"],
        uncertainty_s=timing.get("uncertainty_s"),
    )
