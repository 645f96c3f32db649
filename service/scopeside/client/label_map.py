"""A result's label map with what a steering loop asks of it: masks, points, areas and borders.

Shapes: Y, X frame pixels; P points, given as `(y, x)` in pixels, `(0, 0)` the middle of the first
pixel. Origin top left, y down. A community is given by its id, or by its name, which stands for
all communities of the frame that bear it; one that is not in the frame covers nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from scopeside.client.calls import Community
from scopeside.errors import CalibrationError, ConfigError
from scopeside.messages import Array
from scopeside.targets import Strategy, Target, choose

PixelToStage = tuple[tuple[float, float, float], tuple[float, float, float]]
Bools = NDArray[np.bool_]
Float64 = NDArray[np.float64]
Points = Sequence[Target] | Sequence[Sequence[float]] | Array


class Titled(Protocol):
    """What a community of a result says of itself."""

    @property
    def id(self) -> int: ...

    @property
    def name(self) -> str | None: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelMap:
    """The community of every pixel (0 for none), with the calibration where the frame gave one."""

    labels_YX: Array
    confidence_YX: Array
    communities: tuple[Titled, ...]
    pixel_size_m: tuple[float, float] | None = None
    pixel_to_stage: PixelToStage | None = None

    def ids(self, community: Community) -> tuple[int, ...]:
        """Return the ids that a name stands for in this frame; of an id, itself."""
        if isinstance(community, str):
            return tuple(one.id for one in self.communities if one.name == community)
        return (int(community),)

    def mask(self, community: Community) -> Bools:
        """Return the pixels of a community, as booleans of the frame's shape."""
        ids = self.ids(community)
        mask_YX: Bools = self.labels_YX == ids[0] if len(ids) == 1 else np.isin(self.labels_YX, ids)
        return mask_YX

    def points(
        self,
        community: Community,
        count: int = 1,
        strategy: Strategy = "interior",
        *,
        avoid_px: Points = (),
        **options: Any,
    ) -> tuple[Target, ...]:
        """Return at most `count` points of a community to visit next, the best first.

        As the service's command `targets` chooses them, from this very frame. Options are those
        of `scopeside.targets.choose`: `min_distance_px`, `one_per_region`, `seed`, and
        `novelty_YX` for the strategy `novelty`. Raises ConfigError for what it cannot take.
        """
        ids = self.ids(community)
        if not ids:
            return ()
        labels_YX = self.labels_YX
        if len(ids) > 1:  # one material under several ids: its regions reach across them
            labels_YX = np.where(self.mask(community), ids[0], 0)
        try:
            found = choose(
                labels_YX,
                ids[0],
                count=count,
                strategy=strategy,
                confidence_YX=self.confidence_YX,
                avoid_px=[(y, x) for y, x in pixels(avoid_px).tolist()],
                pixel_to_stage=self.pixel_to_stage,
                **options,
            )
        except (TypeError, ValueError) as error:
            raise ConfigError(f"No points can be chosen: {error}") from error
        return tuple(
            replace(one, community=int(self.labels_YX[int(one.y_px), int(one.x_px)]))
            for one in found
        )

    def to_stage(self, points: Points) -> Float64:
        """Return the positions `(x, y)` in metres on the stage, one row a point.

        Points are `(y, x)` in pixels or Targets. Raises CalibrationError where the frame did not
        say `pixel_to_stage`.
        """
        if self.pixel_to_stage is None:
            raise CalibrationError(
                "This frame does not say where its pixels lie on the stage: publish frames with "
                "pixel_to_stage (a service older than this client does not echo it)."
            )
        points_P2 = pixels(points)
        (a, b, c), (d, e, f) = self.pixel_to_stage
        y_P, x_P = points_P2[:, 0], points_P2[:, 1]
        return np.stack([a * x_P + b * y_P + c, d * x_P + e * y_P + f], axis=1)

    @property
    def pixel_area_m2(self) -> float:
        """What a pixel covers: `pixel_size_m`, or else what `pixel_to_stage` says.

        Raises CalibrationError where the frame said neither.
        """
        if self.pixel_size_m is not None:
            return abs(self.pixel_size_m[0] * self.pixel_size_m[1])
        if self.pixel_to_stage is not None:
            (a, b, _), (d, e, _) = self.pixel_to_stage
            return abs(a * e - b * d)
        raise CalibrationError(
            "This frame does not say how large its pixels are: publish frames, or the start of "
            "their series, with pixel_size_m (a service older than this client does not echo it)."
        )

    def area_m2(self, community: Community) -> float:
        """Return the area of a community in this frame."""
        pixel_m2 = self.pixel_area_m2
        return float(np.count_nonzero(self.mask(community)) * pixel_m2)

    def boundary(self, community: Community, other: Community | None = None) -> Float64:
        """Return the border of a community as points `(y, x)`, one for each pixel side on it.

        Each is the middle of a side that a pixel of the community shares with one that is not
        (one of `other` alone, where given), so that one coordinate is a whole number and the
        other a half. In reading order of the pixels, sides between rows first. Where the frame
        ends is no border: what lies beyond is not known. Its length is the number of points.
        """
        inside_YX = self.mask(community)
        beyond_YX = ~inside_YX if other is None else self.mask(other) & ~inside_YX
        down_P2 = np.argwhere(_sides(inside_YX, beyond_YX, axis=0)).astype(np.float64)
        right_P2 = np.argwhere(_sides(inside_YX, beyond_YX, axis=1)).astype(np.float64)
        down_P2[:, 0] += 0.5
        right_P2[:, 1] += 0.5
        return np.concatenate([down_P2, right_P2])

    def neighbours(self, community: Community) -> dict[int, int]:
        """Return the ids that a community borders on, with the pixel sides shared with each.

        The longest border first. Pixels without a label are nobody's.
        """
        inside_YX = self.mask(community)
        shared: dict[int, int] = {}
        for axis in (0, 1):
            for here, there in _pairs(self.labels_YX, inside_YX, axis):
                ids, counts = np.unique(there[here], return_counts=True)
                for id_, count in zip(ids.tolist(), counts.tolist(), strict=True):
                    shared[id_] = shared.get(id_, 0) + count
        own = {0, *self.ids(community)}
        found = [(id_, sides) for id_, sides in shared.items() if id_ not in own]
        return dict(sorted(found, key=lambda one: (-one[1], one[0])))


def pixels(points: Points) -> Float64:
    """Return points `(y, x)` or Targets as an array of shape (P, 2); ConfigError for others."""
    rows = [(one.y_px, one.x_px) if isinstance(one, Target) else one for one in _each(points)]
    try:
        points_P2 = np.asarray(rows, dtype=np.float64).reshape(len(rows), 2)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"Points are pairs (y, x) in pixels, or Targets: {error}.") from error
    return points_P2


def _each(points: Any) -> Iterable[Any]:
    return [points] if isinstance(points, Target) else points


def _sides(inside_YX: Bools, beyond_YX: Bools, *, axis: int) -> Bools:
    """Return, for each pixel but the last along an axis, whether the side to the next is border."""
    low, high = _shifted(inside_YX, axis)
    low_beyond, high_beyond = _shifted(beyond_YX, axis)
    sides_YX: Bools = (low & high_beyond) | (high & low_beyond)
    return sides_YX


def _pairs(labels_YX: Array, inside_YX: Bools, axis: int) -> list[tuple[Bools, Array]]:
    low, high = _shifted(inside_YX, axis)
    low_labels, high_labels = _shifted(labels_YX, axis)
    return [(low, high_labels), (high, low_labels)]


def _shifted(values_YX: Array, axis: int) -> tuple[Array, Array]:
    """Return the pixels that have a next one along an axis, and these next ones."""
    if axis == 0:
        return values_YX[:-1], values_YX[1:]
    return values_YX[:, :-1], values_YX[:, 1:]
