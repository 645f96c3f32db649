"""What a loop leaves with the service: rules that raise alarms, and the points it has been to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from scopeside.client import calls
from scopeside.client.calls import Answer, Call, Rule
from scopeside.client.label_map import Points, pixels


class Asking(Protocol):
    """Sends a call and returns its answer."""

    def __call__(self, call: Call[Answer]) -> Answer: ...


class AsyncAsking(Protocol):
    """The same, awaited."""

    async def __call__(self, call: Call[Answer]) -> Answer: ...


class Rules:
    """The rules of the service; each is what a table `[[rules]]` of its configuration holds."""

    def __init__(self, ask: Asking) -> None:
        self._ask = ask

    def list(self) -> tuple[Rule, ...]:
        """Return all rules that are in force."""
        return self._ask(calls.list_rules())

    def states(self) -> dict[str, Any]:
        """Return for each rule, by name, how often it `fired` and whether it is `done`."""
        return self._ask(calls.rule_states())

    def set(self, rule: Mapping[str, Any]) -> None:
        """Add a rule, or put it in place of the one of its name; RefusedError for a wrong one."""
        self._ask(calls.set_rule(rule))

    def remove(self, name: str) -> None:
        """Remove a rule by its name."""
        self._ask(calls.remove_rule(name))


class AsyncRules:
    """`Rules`, awaited."""

    def __init__(self, ask: AsyncAsking) -> None:
        self._ask = ask

    async def list(self) -> tuple[Rule, ...]:
        """Return all rules that are in force."""
        return await self._ask(calls.list_rules())

    async def states(self) -> dict[str, Any]:
        """Return for each rule, by name, how often it `fired` and whether it is `done`."""
        return await self._ask(calls.rule_states())

    async def set(self, rule: Mapping[str, Any]) -> None:
        """Add a rule, or put it in place of the one of its name; RefusedError for a wrong one."""
        await self._ask(calls.set_rule(rule))

    async def remove(self, name: str) -> None:
        """Remove a rule by its name."""
        await self._ask(calls.remove_rule(name))


class Visited:
    """The points that `targets(..., avoid_visited=True)` keeps away from."""

    def __init__(self, ask: Asking) -> None:
        self._ask = ask

    def mark(self, points: Points = (), *, points_m: Any = ()) -> None:
        """Remember points `(y, x)` of the newest frame or Targets, or `(x, y)` on the stage."""
        self._ask(calls.mark_visited(pixels(points), points_m))

    def list(self) -> tuple[dict[str, Any], ...]:
        """Return all points: `series`, `y_px`, `x_px` and `stage_m`, None where not known."""
        return self._ask(calls.list_visited())

    def clear(self) -> None:
        """Forget all points."""
        self._ask(calls.clear_visited())


class AsyncVisited:
    """`Visited`, awaited."""

    def __init__(self, ask: AsyncAsking) -> None:
        self._ask = ask

    async def mark(self, points: Points = (), *, points_m: Any = ()) -> None:
        """Remember points `(y, x)` of the newest frame or Targets, or `(x, y)` on the stage."""
        await self._ask(calls.mark_visited(pixels(points), points_m))

    async def list(self) -> tuple[dict[str, Any], ...]:
        """Return all points: `series`, `y_px`, `x_px` and `stage_m`, None where not known."""
        return await self._ask(calls.list_visited())

    async def clear(self) -> None:
        """Forget all points."""
        await self._ask(calls.clear_visited())
