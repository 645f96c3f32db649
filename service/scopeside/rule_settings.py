"""Rules: what raises an alarm. Written as `[[rules]]` in a configuration file, or sent live.

One model for each kind of thing that is watched, so that a key which means nothing there is refused
by its name. What the rules do is in `scopeside.steering`.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError, model_validator

from scopeside.errors import ConfigError
from scopeside.section import Section

MOST_RULES = 64
"""Rules at a time: far more than an experiment needs, and evaluated within a millisecond."""

Text = Annotated[str, Field(min_length=1, max_length=128)]
CommunityId = Annotated[int, Field(ge=1, le=2**16 - 1, strict=True)]
CommunityRef = CommunityId | Text


def _require_share(key: str, value: float | None) -> None:
    """Raise ValueError for a share in percent, which would never be reached and never said."""
    if value is not None and not 0.0 <= value <= 1.0:
        raise ValueError(f"{key} = {value:g} is no share: it lies between 0 and 1")


class AnyRule(Section):
    name: Text
    """What its alarms are called by; no two rules share one."""
    for_frames: Annotated[int, Field(ge=1, le=100_000)] = 1
    """Frames in a row in which the condition must hold."""
    hold_off_s: Annotated[float, Field(ge=0.0)] = 0.0
    """Seconds after an alarm in which no other of the rule follows."""
    repeat: bool = True
    """Whether it may fire again once it is armed anew; else it is done after one alarm."""


class LevelRule(AnyRule):
    """A figure reaches a value: exactly one of `above`, `below` and `crosses`."""

    above: float | None = None
    """Fires at this value or higher."""
    below: float | None = None
    """Fires at this value or lower."""
    crosses: float | None = None
    """Fires when the value passes this one, in either direction; not where it begins."""
    hysteresis: Annotated[float, Field(ge=0.0)] = 0.0
    """How far the figure must go back beyond the value before the rule is armed again."""

    @model_validator(mode="after")
    def _one_threshold(self) -> LevelRule:
        given = [key for key in ("above", "below", "crosses") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError(
                "exactly one of above, below and crosses must be given, not "
                + (" and ".join(given) or "none")
            )
        return self


class CommunityRule(LevelRule):
    """The share of the labelled pixels, or the confidence, of a community."""

    watch: Literal["fraction", "confidence"]
    community: CommunityRef | None = None
    """Id or name; any community, each by itself, when absent."""

    @model_validator(mode="after")
    def _a_share(self) -> CommunityRule:
        for key in ("above", "below", "crosses"):
            _require_share(key, getattr(self, key))
        return self


class DescriptorRule(LevelRule):
    """A descriptor of order of a community; measured while `descriptors.enabled` is on."""

    watch: Literal["descriptor"]
    figure: Literal[
        "crystallinity",
        "spacing_px",
        "spacing_m",
        "orientation_rad",
        "entropy_bits",
        "contrast",
        "reference_distance",
    ]
    """Which one, by its key in results."""
    community: CommunityRef | None = None
    """Id or name; any community, each by itself, when absent."""


class PresenceRule(AnyRule):
    """A community appears or vanishes."""

    watch: Literal["appears", "vanishes"]
    community: CommunityRef | None = None
    """Id or name; any community when absent."""


class FrontRule(LevelRule):
    """A figure of the front between two communities."""

    watch: Literal["front"]
    figure: Literal[
        "y_px",
        "x_px",
        "position_px",
        "position_m",
        "speed_px_per_s",
        "speed_m_per_s",
        "speed_px_per_frame",
        "roughness_px",
        "length_px",
    ] = "position_px"
    """Which one, by its key in results."""
    between: tuple[CommunityRef, CommunityRef] | None = None
    """Ids or names; any two communities when absent. Positions and speeds count from the first
    towards the second, or from the lower id to the higher: so a position is negative where the
    first lies at the right or the bottom, and jumps where the front turns. `y_px` and `x_px`, its
    mean row and column, do neither."""

    @model_validator(mode="after")
    def _two_sides(self) -> FrontRule:
        # Two communities may share a name, and have a front.
        one, other = self.between or (None, None)
        if isinstance(one, int) and one == other:
            raise ValueError(f"community {one} has no front with itself")
        return self


class LatencyRule(AnyRule):
    """Seconds from a frame's arrival to its segmentation, and of one that waits so far."""

    watch: Literal["latency"]
    above: Annotated[float, Field(gt=0.0)]
    """Fires at this many seconds or more."""
    hysteresis: Annotated[float, Field(ge=0.0)] = 0.0
    """How far latency must fall below the value before the rule is armed again."""


class DropsRule(AnyRule):
    """Frames dropped, for whatever reason, in the last seconds."""

    watch: Literal["drops"]
    above: Annotated[float, Field(gt=0.0)]
    """Fires at this count or share, or more."""
    figure: Literal["count", "share"] = "count"
    """Frames, or their share of those received."""
    window_s: Annotated[float, Field(gt=0.0, le=3600.0)] = 10.0
    """How many seconds back are counted."""
    hysteresis: Annotated[float, Field(ge=0.0)] = 0.0
    """How far the figure must fall below the value before the rule is armed again."""

    @model_validator(mode="after")
    def _a_share(self) -> DropsRule:
        if self.figure == "share":
            _require_share("above", self.above)
        return self


Rule = Annotated[
    CommunityRule | DescriptorRule | PresenceRule | FrontRule | LatencyRule | DropsRule,
    Field(discriminator="watch"),
]


def _own_names(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    names = [rule.name for rule in rules]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"rule name {twice[0]!r} is given to more than one rule")
    return rules


Rules = Annotated[
    tuple[Rule, ...],
    AfterValidator(_own_names),
    Field(
        max_length=MOST_RULES,
        json_schema_extra={"in_words": "a list of rules, each a table [[rules]]"},
    ),
]

_MODELS = {
    watch: model
    for model in get_args(get_args(Rule)[0])
    for watch in get_args(model.model_fields["watch"].annotation)
}
WATCHES = tuple(_MODELS)
"""Everything that a rule can watch."""

_RULE: TypeAdapter[Rule] = TypeAdapter(Rule)


def rule_from(fields: Any) -> Rule:
    """Return the rule that a map describes; ConfigError that names rule and key for any other."""
    try:
        # By way of JSON, since only there do strict types go with lists for tuples.
        return _RULE.validate_json(json.dumps(fields), strict=True)
    except ValidationError as error:
        raise ConfigError(fault_of_rule(error.errors()[0], fields)) from error
    except (TypeError, ValueError) as error:
        raise ConfigError(f"A rule is no table of numbers and texts: {error}.") from error


def fault_of_rule(fault: Mapping[str, Any], fields: Any) -> str:
    """Return the sentence for one fault in a rule; `fault` is pydantic's, its `loc` in the rule."""
    given = fields if isinstance(fields, dict) else {}
    whose = f"Rule {given['name']!r}" if isinstance(given.get("name"), str) else "A rule"
    keys = [step for step in fault["loc"] if isinstance(step, str)]
    if keys[:1] == [given.get("watch")]:
        keys = keys[1:]
    if fault["type"].startswith("union_tag"):
        return f"{whose} is not allowed: watch must be one of {', '.join(WATCHES)}."
    if fault["type"] == "extra_forbidden":
        known = list(_MODELS[given["watch"]].model_fields)
        near = difflib.get_close_matches(keys[0], known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"its keys are {', '.join(known)}."
        return f"{whose} has no key {keys[0]!r}: {hint}"
    where = f", key {keys[0]!r}," if keys else ""
    message = str(fault["msg"]).removeprefix("Value error, ")
    return f"{whose}{where} is not allowed: {message[:1].lower()}{message[1:]}."
