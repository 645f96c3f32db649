"""One rule at work: its triggers, one set for each community or front, and when it last fired."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scopeside.messages import Frame
from scopeside.rule_settings import Rule
from scopeside.steering.readings import Reading, Subject
from scopeside.steering.trigger import Fired, Trigger, triggers_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The frame of an observation, without its pixels, which nothing here may keep."""

    series: str
    number: int
    received_ns: int
    received_s: float

    @classmethod
    def of(cls, frame: Frame) -> Moment:
        return cls(
            series=frame.series,
            number=frame.number,
            received_ns=frame.received_ns,
            received_s=frame.received_s,
        )


When = Moment | None
"""When an observation was made; None at a heartbeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A rule has fired: what it read, and when."""

    rule: Rule
    reading: Reading
    fired: Fired[When]
    when: When


class Watch:
    """Follows one rule. Hold-off and `repeat` are the rule's, whoever set it off."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.fired = 0
        """Alarms so far."""
        self.value: float | None = None
        """What it read last, of whomever; None until it read anything."""
        self._triggers: dict[Subject, tuple[Trigger[When], ...]] = {}
        self._begun = False
        self._last_s = -math.inf

    @property
    def known(self) -> tuple[Subject, ...]:
        """Whose figures were read in this series."""
        return tuple(self._triggers)

    @property
    def done(self) -> bool:
        """Whether it was to fire once and has."""
        return self.fired > 0 and not self.rule.repeat

    def begin_series(self) -> None:
        """Forget what was read of communities: those of another series are others."""
        self._triggers.clear()
        self._begun = False

    def see(self, read: Iterable[Reading], when: When, *, at_s: float) -> Iterator[Alarm]:
        """Take in the readings of a frame or heartbeat at `at_s` (monotonic); give what fired."""
        for reading in read:
            if reading.value is not None:
                self.value = reading.value
            triggers = self._triggers.get(reading.subject)
            if triggers is None:
                triggers = triggers_of(self.rule, begun=self._begun)
                self._triggers[reading.subject] = triggers
            for trigger in triggers:
                ready = not self.done and at_s - self._last_s >= self.rule.hold_off_s
                fired = trigger.see(reading.value, when, ready=ready)
                if fired is not None:
                    self.fired += 1
                    self._last_s = at_s
                    yield Alarm(rule=self.rule, reading=reading, fired=fired, when=when)
        self._begun = True
