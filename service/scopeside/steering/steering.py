"""All that a closed loop asks of the service, behind one object that the runtime wires in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from scopeside.messages import Accounting, Segmentation
from scopeside.rule_settings import Rule, rule_from
from scopeside.steering.alarms import Alarms
from scopeside.steering.newest import Newest
from scopeside.steering.points import Known, points_of
from scopeside.steering.visited import Visited
from scopeside.wire.control import RulesRequest, Targets, VisitedPoints
from scopeside.wire.events import Event, targets


class Steering:
    """Evaluates rules and answers `targets`, `visited` and `rules`.

    The compute thread shows every segmentation (`observe`), the publishing thread says what was
    sent, the main thread beats, the control thread asks. `emit` publishes an event, from any
    thread; `fault` reports an error that the service survives; `totals` are its books.
    """

    def __init__(
        self,
        rules: Iterable[Rule],
        *,
        emit: Callable[[Event], None],
        fault: Callable[[str, str], None],
        totals: Callable[[], Accounting],
    ) -> None:
        self._emit = emit
        self._alarms = Alarms(rules, emit=emit, fault=fault, totals=totals)
        self._newest = Newest()
        self._visited = Visited()

    def observe(self, segmentation: Segmentation) -> None:
        """Evaluate the rules on a segmentation that is about to be sent."""
        self._alarms.observe(segmentation)

    def beat(self, waiting_s: float | None) -> None:
        """Evaluate what may go wrong without a frame; see `Alarms.beat`."""
        self._alarms.beat(waiting_s)

    def forget(self) -> None:
        """Take note that identities were forgotten."""
        self._alarms.forget()

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules in force."""
        return self._alarms.rules

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

    def change_rules(self, request: RulesRequest) -> dict[str, Any]:
        """List, set or remove rules; the reply tells what is in force then."""
        if request.action == "set":
            self._alarms.set(rule_from(request.rule))
        elif request.action == "remove" and request.name is not None:
            self._alarms.remove(request.name)
        return {
            "rules": [rule.model_dump(mode="json", exclude_none=True) for rule in self.rules],
            "states": self._alarms.states(),
        }
