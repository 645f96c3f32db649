"""All rules at work: what they read of each frame and heartbeat becomes `alarm` events at once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any

from scopeside.errors import ConfigError
from scopeside.messages import Accounting, Segmentation
from scopeside.rule_settings import MOST_RULES, DropsRule, LatencyRule, Rule
from scopeside.steering.flow import Flow
from scopeside.steering.readings import Presence, Reading, readings
from scopeside.steering.watch import Alarm, Moment, Watch, When
from scopeside.wire.events import Event, alarm

log = logging.getLogger(__name__)


class Alarms:
    """Evaluates rules; any thread may use any method.

    `observe` is called with every segmentation before it is written and sent. `fault` is told once
    of a rule whose evaluation failed; the others go on.
    """

    def __init__(
        self,
        rules: Iterable[Rule],
        *,
        emit: Callable[[Event], None],
        fault: Callable[[str, str], None],
        totals: Callable[[], Accounting],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._emit = emit
        self._fault = fault
        self._now_s = now_s
        self._lock = Lock()
        self._watches = {rule.name: Watch(rule) for rule in rules}
        self._flow = Flow(totals)
        self._series: str | None = None
        self._presence = Presence()

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules in force, in the order in which they came."""
        with self._lock:
            return tuple(watch.rule for watch in self._watches.values())

    def states(self) -> dict[str, dict[str, Any]]:
        """Return by rule how often it has fired, whether it is done, and what it read last."""
        with self._lock:
            return {
                name: {"fired": watch.fired, "done": watch.done, "value": watch.value}
                for name, watch in self._watches.items()
            }

    def set(self, rule: Rule) -> None:
        """Put a rule in force, armed anew, in place of the one of its name."""
        with self._lock:
            if rule.name not in self._watches and len(self._watches) >= MOST_RULES:
                raise ConfigError(
                    f"There are {MOST_RULES} rules, and there may be no more: remove one first."
                )
            self._watches[rule.name] = Watch(rule)

    def remove(self, name: str) -> None:
        """Take a rule out of force; ConfigError where there is none of that name."""
        with self._lock:
            if self._watches.pop(name, None) is None:
                known = ", ".join(self._watches) or "none"
                raise ConfigError(f"There is no rule {name!r}; those in force: {known}.")

    def replace(self, rules: Iterable[Rule]) -> None:
        """Put these rules in force, and no others."""
        with self._lock:
            self._watches = {rule.name: Watch(rule) for rule in rules}

    def observe(self, segmentation: Segmentation) -> None:
        """Evaluate every rule on a segmentation, and publish at once what fires."""
        frame = segmentation.frame
        with self._lock:
            now_s = self._now_s()
            if frame.series != self._series:
                self._series, self._presence = frame.series, Presence()
                for watch in self._watches.values():
                    watch.begin_series()
            self._presence.see(segmentation)
            self._note(now_s)

            def read(watch: Watch) -> Iterable[Reading]:
                if isinstance(watch.rule, LatencyRule):
                    return (Reading(subject=None, value=now_s - frame.received_s),)
                if isinstance(watch.rule, DropsRule):
                    return (self._flow.drops(watch.rule),)
                return readings(watch.rule, segmentation, watch.known, self._presence)

            self._evaluate(read, Moment.of(frame), now_s)

    def beat(self, waiting_s: float | None) -> None:
        """Evaluate latency and drops where no frame may ever come: `waiting_s` is the age of the
        oldest frame that is being computed or waits for it, None where there is none."""
        with self._lock:
            now_s = self._now_s()
            self._note(now_s)

            def read(watch: Watch) -> Iterable[Reading]:
                if isinstance(watch.rule, DropsRule):
                    return (self._flow.drops(watch.rule),)
                # A frame that is not done yet shows no low latency: it arms nothing.
                if isinstance(watch.rule, LatencyRule) and (waiting_s or 0.0) >= watch.rule.above:
                    return (Reading(subject=None, value=waiting_s),)
                return ()

            self._evaluate(read, None, now_s)

    def forget(self) -> None:
        """Begin anew with the next frame: communities are no longer who they were."""
        with self._lock:
            self._series = None

    def _note(self, now_s: float) -> None:
        windows = [
            watch.rule.window_s
            for watch in self._watches.values()
            if isinstance(watch.rule, DropsRule)
        ]
        if windows:
            self._flow.note(now_s, longest_s=max(windows))

    def _evaluate(
        self, read: Callable[[Watch], Iterable[Reading]], when: When, now_s: float
    ) -> None:
        fired: list[str] = []
        for name, watch in list(self._watches.items()):
            try:
                for one in watch.see(read(watch), when, at_s=now_s):
                    self._publish(one)
                    fired.append(name)
            except Exception as error:
                # The barrier that keeps frames coming: a rule that fails costs that rule.
                log.exception("rule failed")
                del self._watches[name]
                self._fault(
                    "rule_failed",
                    f"Rule {name!r} is out of force, since evaluating it failed with"
                    f" {type(error).__name__}: {error}. Set it again once that is mended.",
                )
        if fired:
            # Only now: an alarm must not wait for the log.
            log.warning("alarm", extra={"rules": ", ".join(fired)})

    def _publish(self, one: Alarm) -> None:
        when, since = one.when, one.fired.since
        self._emit(
            alarm(
                one.rule.name,
                watch=one.rule.watch,
                figure=getattr(one.rule, "figure", None),
                series=self._series if when is None else when.series,
                frame=None if when is None else when.number,
                value=one.fired.value,
                threshold=one.fired.threshold,
                direction=one.fired.direction,
                community=one.reading.community,
                name=one.reading.name,
                between=one.reading.between,
                since=None
                if since is None
                else {"frame": since.number, "t_received_ns": since.received_ns},
                t_received_ns=None if when is None else when.received_ns,
                rule_latency_s=None if when is None else self._now_s() - when.received_s,
            )
        )
