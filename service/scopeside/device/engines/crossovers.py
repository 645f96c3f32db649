"""From how many chips on which engine is the faster one: a committed table, by card."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from scopeside.device.engines.engine import EngineName

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Step:
    """What to take up to that many chips, that number included; None is any number."""

    up_to_chips: int | None
    engine: EngineName


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossovers:
    """The steps of one card, and whether they were measured there."""

    steps: tuple[Step, ...]
    measured: bool

    def engine(self, chips: int) -> EngineName:
        """Return the engine of a number of chips."""
        for step in self.steps:
            if step.up_to_chips is None or chips <= step.up_to_chips:
                return step.engine
        raise KeyError(f"crossovers.json has no row for {chips} chips.")


def crossovers(card: str) -> Crossovers:
    """Return the rows of a card by the name its driver gives it, or the default ones."""
    return read(committed(), card)


def read(table: dict[str, Any], card: str) -> Crossovers:
    """Return a card's rows of a table; those of another card were not measured on this."""
    rows = table["cards"].get(card)
    steps = rows or table["cards"][DEFAULT]
    return Crossovers(
        steps=tuple(Step(row["up_to_chips"], row["engine"]) for row in steps),
        measured=bool(table["measured"]) and rows is not None,
    )


@cache
def committed() -> dict[str, Any]:
    """Return the committed table."""
    text = (
        resources.files("scopeside.device.engines").joinpath("crossovers.json").read_text("utf-8")
    )
    table: dict[str, Any] = json.loads(text)
    return table
