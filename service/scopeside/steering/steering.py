"""All that a closed loop asks of the service, behind one object that the runtime wires in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from scopeside.errors import ConfigError
from scopeside.messages import Accounting, Segmentation
from scopeside.ports import Memory
from scopeside.rule_settings import Rule, rule_from
from scopeside.steering.alarms import Alarms
from scopeside.steering.keeper import Keeper
from scopeside.steering.newest import Newest
from scopeside.steering.points import Known, points_of
from scopeside.steering.rule_changes import RuleChanges, rule_map
from scopeside.steering.visited import Visited, VisitedPoint
from scopeside.wire.control import RulesRequest, Targets, VisitedPoints
from scopeside.wire.events import Event, targets

SETTLE_S = 2.0
"""Longest that a reply waits for the disk."""

_SENSELESS = (ConfigError, KeyError, TypeError, ValueError, AttributeError)
"""What a part of a state file raises that was not written here, or not by this version."""


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
        state_file: Path | None = None,
    ) -> None:
        """Take over what `state_file` holds, if there is such a file; see `Keeper`."""
        configured = tuple(rules)
        self._emit = emit
        self._newest = Newest()
        self._visited = Visited()
        self._changes = RuleChanges()
        self._keeper: Keeper | None = None
        if state_file is not None:
            self._keeper = Keeper(state_file, sections=self._sections, fault=fault)
            self._restore(self._keeper)
        in_force = self._changes.applied(configured)
        self._alarms = Alarms(in_force, emit=emit, fault=fault, totals=totals)

    def begin(self) -> None:
        """Begin to keep the state; OutputError where its file cannot be written."""
        if self._keeper is not None:
            self._keeper.begin()

    def attach(self, memory: Memory) -> None:
        """Give a warm pipeline back its identities and reference state."""
        if self._keeper is not None:
            self._keeper.attach(memory)

    def end(self, *, still: bool) -> None:
        """Write what is left to keep; `still` says that nothing changes it any more."""
        if self._keeper is not None:
            if still:
                self._keeper.look(at_once=True)
            self._keeper.close(SETTLE_S)

    def observe(self, segmentation: Segmentation) -> None:
        """Evaluate the rules on a segmentation that is about to be sent."""
        self._alarms.observe(segmentation)

    def keep(self, segmentation: Segmentation) -> None:
        """Keep the identities of a segmentation that is on its way, now and then and who is new."""
        if self._keeper is not None:
            self._keeper.look(at_once=bool(segmentation.identified.appeared))

    def changed(self) -> None:
        """Keep what was changed between two frames; the compute thread calls it there."""
        if self._keeper is not None:
            self._keeper.look(at_once=True, changed=True)

    def settle(self) -> None:
        """Wait until what was asked for is kept, so that a reply may say that it is done."""
        if self._keeper is not None:
            self._keeper.settle(SETTLE_S)

    def figures(self) -> dict[str, Any]:
        """Return what `status` says."""
        return {} if self._keeper is None else {"state_file": self._keeper.figures()}

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

    def fired(self) -> dict[str, int]:
        """Return how often each rule in force has raised its alarm."""
        return {name: int(state["fired"]) for name, state in self._alarms.states().items()}

    def published(self, segmentation: Segmentation) -> None:
        """Take note of a segmentation whose result is sent next."""
        self._newest.put(segmentation)

    def targets(self, request: Targets, known: Known) -> dict[str, Any]:
        """Choose points in the newest label map, publish and return them."""
        reply = points_of(request, self._newest, self._visited, known)
        self._emit(targets(**reply, strategy=request.strategy))
        if request.mark_visited:
            self._touch()
        return reply

    def visited(self, request: VisitedPoints) -> dict[str, Any]:
        """Mark, list or clear points; the reply tells how many there are."""
        if request.action == "clear":
            cleared = self._visited.clear()
            self._touch()
            return {"cleared": cleared, "count": 0}
        if request.action == "mark":
            published = self._newest.get()
            self._visited.mark(
                px=[(y_px, x_px) for y_px, x_px in request.points_px],
                stage_m=[(x_m, y_m) for x_m, y_m in request.points_m],
                frame=None if published is None else published.segmentation.frame,
            )
            self._touch()
            return {"count": len(self._visited.points)}
        points = self._visited.points
        return {"count": len(points), "points": [point.as_map() for point in points]}

    def change_rules(self, request: RulesRequest) -> dict[str, Any]:
        """List, set or remove rules; the reply tells what is in force then."""
        if request.action == "set":
            rule = rule_from(request.rule)
            self._alarms.set(rule)
            self._changes.set(rule)
        elif request.action == "remove" and request.name is not None:
            self._alarms.remove(request.name)
            self._changes.remove(request.name)
        if request.action != "list":
            self._touch()
        return {"rules": [rule_map(rule) for rule in self.rules], "states": self._alarms.states()}

    def _touch(self) -> None:
        if self._keeper is not None:
            self._keeper.touch()
            self.settle()

    def _sections(self) -> dict[str, Any]:
        return {
            "visited": [point.as_map() for point in self._visited.points],
            "rules": self._changes.as_map(),
        }

    def _restore(self, keeper: Keeper) -> None:
        """Take each part by itself: a rule that is no longer allowed must not cost the names."""
        loaded = keeper.loaded
        try:
            self._visited.restore([VisitedPoint.from_map(one) for one in loaded.get("visited", ())])
        except _SENSELESS as error:
            keeper.refuse(f"The visited points in the state file make no sense here: {error!r}.")
        try:
            self._changes = RuleChanges.from_map(loaded.get("rules", {"set": (), "removed": ()}))
        except _SENSELESS as error:
            why = str(error) if isinstance(error, ConfigError) else f"{error!r}."
            keeper.refuse(f"The rules in the state file make no sense here: {why}")
