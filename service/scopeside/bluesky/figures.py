"""What a result comes down to in a document: a fixed set of figures, whatever the frame shows.

A descriptor says its keys before the first frame, and communities come and go; so what is to be
told is chosen beforehand, and what is not in a frame is 0 (a fraction) or NaN. No Bluesky here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scopeside.client import Result
from scopeside.client.result import ResultFront
from scopeside.errors import ConfigError
from scopeside.messages import Array
from scopeside.targets import Strategy

Community = int | str

FRONT_FIGURES = ("position_px", "position_m", "speed_px_per_s", "roughness_px")
"""Of the front between two communities, by its keys in results."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What documents are to carry of every frame.

    `communities` by id or name; `front` the two whose front is told; `visit` the community in
    which `count` points to visit next are chosen, by `strategy`.
    """

    communities: tuple[Community, ...] = ()
    front: tuple[Community, Community] | None = None
    visit: Community | None = None
    count: int = 1
    strategy: Strategy = "interior"
    keys: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        keys = [key for key, _, _ in self.shapes()]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ConfigError(
                f"Two communities would both be told as {twice[0]}: name them so that they differ "
                "in letters or digits."
            )
        object.__setattr__(self, "keys", tuple(keys))

    def shapes(self) -> Iterator[tuple[str, tuple[int, ...], str]]:
        """Yield key, shape and NumPy dtype of every figure."""
        yield "frame", (), "<i8"
        for community in self.communities:
            yield fraction_key(community), (), "<f8"
        if self.front is not None:
            for figure in FRONT_FIGURES:
                yield f"front_{figure}", (), "<f8"
        if self.visit is not None:
            yield "targets_px", (self.count, 2), "<f8"
            yield "targets_m", (self.count, 2), "<f8"

    def of(self, result: Result) -> dict[str, Any]:
        """Return the figures of one result: numbers, and arrays of the shapes above."""
        found: dict[str, Any] = {"frame": result.frame}
        for community in self.communities:
            found[fraction_key(community)] = result.fraction(community)
        if self.front is not None:
            front = _front(result, self.front)
            for figure in FRONT_FIGURES:
                value = None if front is None else getattr(front, figure)
                found[f"front_{figure}"] = np.nan if value is None else value
        if self.visit is not None:
            found |= self._targets(result, self.visit)
        return found

    def _targets(self, result: Result, visit: Community) -> dict[str, Array]:
        targets_px = np.full((self.count, 2), np.nan)
        targets_m = np.full((self.count, 2), np.nan)
        chosen = result.label_map.points(visit, self.count, self.strategy, one_per_region=False)
        for row, target in enumerate(chosen):
            targets_px[row] = target.y_px, target.x_px
            if target.stage_m is not None:
                targets_m[row] = target.stage_m
        return {"targets_px": targets_px, "targets_m": targets_m}


def fraction_key(community: Community) -> str:
    """Return the key under which a community's share of the labelled pixels is told."""
    return "fraction_" + re.sub(r"\W+", "_", str(community))


def _front(result: Result, between: tuple[Community, Community]) -> ResultFront | None:
    """Return the longest front between two communities."""
    one, other = (set(result.label_map.ids(community)) for community in between)
    found = [
        front
        for front in result.fronts
        if (front.between[0] in one and front.between[1] in other)
        or (front.between[0] in other and front.between[1] in one)
    ]
    return max(found, key=lambda front: front.length_px, default=None)
