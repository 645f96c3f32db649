"""How frames fare in the service itself: how many are dropped of late, how long they take."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from scopeside.messages import Accounting
from scopeside.rule_settings import DropsRule
from scopeside.steering.readings import Reading

STEP_S = 0.05
"""Shortest time between two counts that are remembered: an hour at 1000 frames/s must not be
millions of them."""


@dataclass(frozen=True, slots=True)
class _Count:
    at_s: float
    received: int
    dropped: int


class Flow:
    """The service's totals over the last seconds, as far back as the longest rule looks."""

    def __init__(self, totals: Callable[[], Accounting]) -> None:
        self._totals = totals
        self._counts: deque[_Count] = deque([_Count(-float("inf"), 0, 0)])

    def note(self, at_s: float, *, longest_s: float) -> None:
        """Count what there is now, and forget what is older than any rule looks."""
        totals = self._totals()
        count = _Count(at_s, totals.received, sum(totals.dropped.values()))
        if len(self._counts) > 1 and at_s - self._counts[-2].at_s < STEP_S:
            self._counts[-1] = count
        else:
            self._counts.append(count)
        while len(self._counts) > 2 and self._counts[1].at_s <= at_s - longest_s:
            self._counts.popleft()

    def drops(self, rule: DropsRule) -> Reading:
        """Read the drops of a rule's window, up to the newest count."""
        now = self._counts[-1]
        until_s = now.at_s - rule.window_s
        then = self._counts[0]
        for count in self._counts:
            if count.at_s > until_s:
                break
            then = count
        dropped, received = now.dropped - then.dropped, now.received - then.received
        if rule.figure == "count":
            return Reading(subject=None, value=float(dropped))
        # Where nothing is received nothing is dropped: the rule is armed again.
        return Reading(subject=None, value=dropped / received if received else 0.0)
