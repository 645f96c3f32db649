"""Points that a loop has been to, in pixels and in metres, so that it need not go there again.

A point in metres stays where it is when the stage moves. One that is known in pixels alone holds
for its series only, and as long as the field of view stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from scopeside.errors import ConfigError, ServiceError
from scopeside.messages import Frame
from scopeside.targets.target import PixelToStage, to_stage

MOST = 10_000
"""Points remembered: more than a survey visits, and few enough to go through for every request."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitedPoint:
    """One point: `px` is `(y, x)` in a frame of `series`, `stage_m` is `(x, y)`; one is there."""

    series: str | None
    px: Point | None
    stage_m: Point | None

    def as_map(self) -> dict[str, Any]:
        """Return the point as replies and the state file hold it."""
        y_px, x_px = self.px or (None, None)
        return {
            "series": self.series,
            "y_px": y_px,
            "x_px": x_px,
            "stage_m": None if self.stage_m is None else list(self.stage_m),
        }

    @classmethod
    def from_map(cls, fields: Mapping[str, Any]) -> VisitedPoint:
        """Return the point in a map of `as_map`; ValueError, TypeError or KeyError for others."""
        series, stage_m = fields["series"], fields["stage_m"]
        y_px, x_px = fields["y_px"], fields["x_px"]
        px = None if y_px is None or x_px is None else (float(y_px), float(x_px))
        metres = None
        if stage_m is not None:
            metres_x, metres_y = stage_m
            metres = float(metres_x), float(metres_y)
        if (px is None or series is None) and metres is None:
            raise ValueError("a visited point has neither pixels of a series nor metres")
        return cls(series=None if series is None else str(series), px=px, stage_m=metres)


class Visited:
    """The points visited so far; any thread may use any method."""

    def __init__(self) -> None:
        self._points: tuple[VisitedPoint, ...] = ()
        self._lock = Lock()

    @property
    def points(self) -> tuple[VisitedPoint, ...]:
        """All points, in the order in which they were marked."""
        return self._points

    def restore(self, points: Iterable[VisitedPoint]) -> None:
        """Take the points of an earlier process in place of all there are."""
        with self._lock:
            self._points = tuple(points)[-MOST:]

    def clear(self) -> int:
        """Forget all points; return how many there were."""
        with self._lock:
            forgotten, self._points = len(self._points), ()
        return forgotten

    def mark(
        self, *, px: Sequence[Point] = (), stage_m: Sequence[Point] = (), frame: Frame | None
    ) -> None:
        """Remember points given as `(y, x)` pixels of `frame` or as `(x, y)` metres.

        Pixels are turned into metres too where the frame says how. ServiceError for pixels without
        a frame, ConfigError where there would be more than MOST points.
        """
        if px and frame is None:
            raise ServiceError(
                "There is no frame yet whose pixels could be marked as visited: mark metres, or ask"
                " again once a result has come."
            )
        new = [_of_pixels(point, frame) for point in px if frame is not None]
        new += [VisitedPoint(series=None, px=None, stage_m=point) for point in stage_m]
        with self._lock:
            if len(self._points) + len(new) > MOST:
                raise ConfigError(
                    f"{len(self._points)} points are marked as visited, and {len(new)} more would"
                    f" be over {MOST}: clear them first."
                )
            self._points += tuple(new)

    def in_pixels(self, frame: Frame) -> tuple[Point, ...]:
        """Return where the visited points lie in a frame, in it or beyond its edges.

        ServiceError where a point is known in metres only and the frame cannot say where that is.
        """
        found = [_in(frame, point) for point in self._points]
        return tuple(point for point in found if point is not None)


def to_pixels(pixel_to_stage: PixelToStage, stage_m: Point) -> Point | None:
    """Return `(y, x)` in pixels of a place on the stage; None where the matrix has no inverse."""
    (a, b, c), (d, e, f) = pixel_to_stage
    determinant = a * e - b * d
    if determinant == 0.0:
        return None
    x_m, y_m = stage_m[0] - c, stage_m[1] - f
    return (a * y_m - d * x_m) / determinant, (e * x_m - b * y_m) / determinant


def _of_pixels(px: Point, frame: Frame) -> VisitedPoint:
    stage_m = None if frame.pixel_to_stage is None else to_stage(frame.pixel_to_stage, *px)
    return VisitedPoint(series=frame.series, px=px, stage_m=stage_m)


def _in(frame: Frame, point: VisitedPoint) -> Point | None:
    if frame.pixel_to_stage is not None and point.stage_m is not None:
        return to_pixels(frame.pixel_to_stage, point.stage_m)
    if point.px is not None:
        return point.px if point.series == frame.series else None
    raise ServiceError(
        "Points that were visited are known in metres, but the newest frame came without"
        " pixel_to_stage, so where they lie in it is not known: send it with the frames, or ask"
        " without avoid_visited."
    )
