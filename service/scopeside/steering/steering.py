"""All that a closed loop asks of the service, behind one object that the runtime wires in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scopeside.messages import Segmentation
from scopeside.steering.newest import Newest
from scopeside.steering.points import Known, points_of
from scopeside.steering.visited import Visited
from scopeside.wire.control import Targets, VisitedPoints
from scopeside.wire.events import Event, targets


class Steering:
    """Answers `targets` and `visited`.

    The publishing thread says what was published, the control thread asks; `emit` publishes an
    event, from any thread.
    """

    def __init__(self, emit: Callable[[Event], None]) -> None:
        self._emit = emit
        self._newest = Newest()
        self._visited = Visited()

    def published(self, segmentation: Segmentation) -> None:
        """Take note of a segmentation whose result was sent."""
        self._newest.put(segmentation)

    def targets(self, request: Targets, known: Known) -> dict[str, Any]:
        """Choose points in the newest label map, publish and return them."""
        reply = points_of(request, self._newest, self._visited, known)
        self._emit(targets(**reply, strategy=request.strategy))
        return reply

    def visited(self, request: VisitedPoints) -> dict[str, Any]:
        """Mark, list or clear points; the reply tells how many there are."""
        if request.action == "clear":
            return {"cleared": self._visited.clear(), "count": 0}
        if request.action == "mark":
            published = self._newest.get()
            self._visited.mark(
                px=[(y_px, x_px) for y_px, x_px in request.points_px],
                stage_m=[(x_m, y_m) for x_m, y_m in request.points_m],
                frame=None if published is None else published.segmentation.frame,
            )
            return {"count": len(self._visited.points)}
        points = self._visited.points
        return {"count": len(points), "points": [point.as_map() for point in points]}
