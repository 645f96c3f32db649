"""When a figure that is followed from frame to frame sets off: thresholds that arm and fire.

    armed --holds for so many observations--> fired --goes back beyond the hysteresis--> armed

A trigger fires once and then waits until it is armed again, however long its condition holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from scopeside.rule_settings import LevelRule, PresenceRule, Rule

Direction = Literal["above", "below"]
When = TypeVar("When")
"""What an observation is known by: a frame, or None at a heartbeat."""

PRESENT = 0.5
"""Presence is 1, absence 0: to appear is to rise above this, to vanish to fall below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired(Generic[When]):
    """The value that set a trigger off, and the observation since which the condition holds."""

    value: float
    threshold: float
    direction: Direction
    since: When


class Trigger(Generic[When]):
    """One threshold on one figure; `ready` decides from outside whether it may fire now.

    Above, the condition is `value >= threshold`, and it is armed again below `threshold -
    hysteresis`; below, the mirror image. With `strict` the threshold itself counts as not below, so
    that a crossing is either upwards or downwards. `armed` None leaves it to the first value: a
    condition that holds from the beginning was never seen to come about.
    """

    def __init__(
        self,
        direction: Direction,
        threshold: float,
        *,
        hysteresis: float,
        for_frames: int,
        armed: bool | None,
        strict: bool = False,
    ) -> None:
        self._direction = direction
        self._threshold = threshold
        self._hysteresis = hysteresis
        self._for_frames = for_frames
        self._armed = armed
        self._strict = strict
        self._streak = 0
        self._since: When | None = None

    @property
    def armed(self) -> bool:
        """Whether it would fire if its condition held."""
        return self._armed is not False

    def see(self, value: float | None, when: When, *, ready: bool) -> Fired[When] | None:
        """Take in an observation; return what fired, or None.

        None stands for a figure that could not be measured: it breaks a row of observations and
        arms nothing.
        """
        if value is None:
            self._streak = 0
            return None
        if not self._holds(value):
            self._streak = 0
            if self._armed is None or self._far(value):
                self._armed = True
            return None
        if self._armed is None:
            self._armed = False
        if self._streak == 0:
            self._since = when
        self._streak += 1
        if not (self._armed and ready and self._streak >= self._for_frames):
            return None
        self._armed = False
        return Fired(
            value=value,
            threshold=self._threshold,
            direction=self._direction,
            since=when if self._since is None else self._since,
        )

    def _holds(self, value: float) -> bool:
        if self._direction == "above":
            return value >= self._threshold
        return value < self._threshold if self._strict else value <= self._threshold

    def _far(self, value: float) -> bool:
        """Whether a value that does not hold lies far enough away to arm."""
        if self._direction == "above":
            return value < self._threshold - self._hysteresis
        if self._strict:
            return value >= self._threshold + self._hysteresis
        return value > self._threshold + self._hysteresis


def triggers_of(rule: Rule, *, begun: bool) -> tuple[Trigger[When], ...]:
    """Return the triggers that a rule puts on one figure.

    `begun` says that other frames of the series were seen before: a community that shows up now
    has appeared, while those of the first frame were just there.
    """
    if isinstance(rule, PresenceRule):
        direction: Direction = "above" if rule.watch == "appears" else "below"
        return (_trigger(rule, direction, PRESENT, armed=True if begun else None),)
    if not isinstance(rule, LevelRule):
        return (_trigger(rule, "above", rule.above, armed=True),)
    if rule.crosses is not None:
        return (
            _trigger(rule, "above", rule.crosses, armed=None),
            _trigger(rule, "below", rule.crosses, armed=None, strict=True),
        )
    if rule.above is not None:
        return (_trigger(rule, "above", rule.above, armed=True),)
    if rule.below is not None:
        return (_trigger(rule, "below", rule.below, armed=True),)
    return ()


def _trigger(
    rule: Rule, direction: Direction, threshold: float, *, armed: bool | None, strict: bool = False
) -> Trigger[When]:
    return Trigger(
        direction,
        threshold,
        hysteresis=0.0 if isinstance(rule, PresenceRule) else rule.hysteresis,
        for_frames=rule.for_frames,
        armed=armed,
        strict=strict,
    )
