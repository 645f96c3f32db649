"""What plots show: points over a whole run in bounded memory, thinned as it grows longer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_POINTS = 1000
"""As many as a plot on a wide screen has pixels for."""

Point = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a viewer has read: `version` changes when points were taken away."""

    version: int
    count: int


class History:
    """Points with a time `t` (seconds) that does not fall.

    When it is full every second point goes, and those that come later are kept as far apart as
    those that are left, so that a plot is even from its beginning to its end.
    """

    def __init__(self, most: int = MOST_POINTS) -> None:
        self._most = most
        self._points: list[Point] = []
        self._apart_s = 0.0
        self._version = 1

    def __len__(self) -> int:
        return len(self._points)

    def add(self, point: Point) -> None:
        """Keep a point, or leave it out because it is too near the last."""
        if self._points and point["t"] - self._points[-1]["t"] < self._apart_s:
            return
        self._points.append(point)
        if len(self._points) > self._most:
            self._points = self._points[::2]
            span_s = self._points[-1]["t"] - self._points[0]["t"]
            self._apart_s = span_s / (len(self._points) - 1)
            self._version += 1

    def clear(self) -> None:
        """Forget everything: what comes belongs to another run."""
        self._points = []
        self._apart_s = 0.0
        self._version += 1

    def since(self, cursor: Cursor) -> dict[str, Any]:
        """Return what a viewer that has read so far lacks, and how far it has then read."""
        begin = cursor.count if cursor.version == self._version else 0
        points: Sequence[Point] = self._points[begin:]
        return {
            "version": self._version,
            "count": len(self._points),
            "anew": begin == 0,
            "points": list(points),
        }
