"""Chooses points of one community: the best of a strategy, then the best of what is left.

Shape suffixes: Y, X pixels of the frame; N pixels of the community; T points taken.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator

import numpy as np

from scopeside.targets.clearance import Peaks, clearance_squared
from scopeside.targets.ranking import rank
from scopeside.targets.target import STRATEGIES, PixelToStage, Strategy, Target, to_stage
from scopeside.targets.territory import Array, Territory, territory

SAME_PX = 1.0
"""Points closer than this are the same pixel: no pixel is given twice, whatever the distance."""

Place = tuple[int, int, int]
"""Region (from 0), row and column in the community's box."""


def choose(
    labels_YX: Array,
    community: int,
    *,
    count: int = 1,
    strategy: Strategy = "interior",
    confidence_YX: Array | None = None,
    novelty_YX: Array | None = None,
    min_distance_px: float = 0.0,
    avoid_px: Iterable[tuple[float, float]] = (),
    one_per_region: bool = True,
    seed: int = 0,
    pixel_to_stage: PixelToStage | None = None,
) -> tuple[Target, ...]:
    """Return at most `count` pixels of a community, the best first; none where it has no pixel.

    Every point lies at least `min_distance_px` from the others and from `avoid_px`, given as
    `(y, x)`. With `one_per_region` each connected region gives one point at most. `confidence_YX`
    is 0 to 255 as in a result. The same arguments give the same points.

    Each point is the best that the ones before it allow, so `count` points are not the best set
    of `count` points. ValueError for a strategy that does not exist or lacks the map it needs,
    for maps of different shapes, and for numbers out of range.
    """
    maps = {"confidence_YX": confidence_YX, "novelty_YX": novelty_YX}
    _check(labels_YX, count, strategy, maps, min_distance_px)
    found = territory(labels_YX, community)
    if found is None:
        return ()
    spacing = _Spacing(found, avoid_px, max(min_distance_px, SAME_PX))
    if strategy == "interior":
        places = _innermost(found, spacing, one_per_region=one_per_region)
    else:
        places = _ranked(found, spacing, strategy, maps, seed, one_per_region=one_per_region)
    targets = []
    for region, y, x in places:
        targets.append(_target(found, community, (region, y, x), confidence_YX, pixel_to_stage))
        if len(targets) == count:
            break
    return tuple(targets)


class _Spacing:
    """The points that new ones keep their distance from, in the community's box."""

    def __init__(
        self, found: Territory, avoid_px: Iterable[tuple[float, float]], away_px: float
    ) -> None:
        self.away_px = away_px
        height, width = found.inside_HW.shape
        # A loop may have been to thousands of places; those that are far from here say nothing.
        self._taken = [
            (y - found.y0, x - found.x0)
            for y, x in avoid_px
            if -away_px <= y - found.y0 <= height + away_px
            and -away_px <= x - found.x0 <= width + away_px
        ]

    @property
    def taken_T2(self) -> Array:
        return np.array(self._taken, np.float64).reshape(-1, 2)

    def take(self, y: int, x: int) -> None:
        self._taken.append((y, x))


def _innermost(found: Territory, spacing: _Spacing, *, one_per_region: bool) -> Iterator[Place]:
    """Give centres of largest inscribed circles; a region is looked into when its turn may come."""
    peaks = Peaks(found)
    # What a region promises, best first: a bound at first, then its best pixel, which a point
    # taken since may have put out of reach. `known` says for how many points taken it holds.
    heap = [(-bound, region, -1, 0, 0) for region, bound in enumerate(peaks.bounds_K().tolist())]
    heapq.heapify(heap)
    while heap:
        _, region, known, y, x = heapq.heappop(heap)
        taken_T2 = spacing.taken_T2
        if known == len(taken_T2):
            spacing.take(y, x)
            yield region, y, x
            if one_per_region:
                continue
            taken_T2 = spacing.taken_T2
        best = peaks.best(region, taken_T2, spacing.away_px)
        if best is not None:
            clearance, y, x = best
            heapq.heappush(heap, (-clearance, region, len(taken_T2), y, x))


def _ranked(
    found: Territory,
    spacing: _Spacing,
    strategy: Strategy,
    maps: dict[str, Array | None],
    seed: int,
    *,
    one_per_region: bool,
) -> Iterator[Place]:
    """Give pixels by their score; of equal ones the deeper, then the first in reading order."""

    def values(name: str) -> Array:
        values_YX = maps[name]
        if values_YX is None:
            raise ValueError(f"Strategy {strategy} needs {name}.")
        values_N: Array = np.asarray(values_YX)[found.y_N + found.y0, found.x_N + found.x0]
        return values_N

    ranking = rank(strategy, found, values, seed=seed)
    at_N, score_N = ranking.at_N, ranking.score_N
    y_N, x_N, region_N = found.y_N[at_N], found.x_N[at_N], found.region_N[at_N]
    depth_N = found.depth_N[at_N]
    open_N = np.isfinite(score_N)
    for y_px, x_px in spacing.taken_T2:
        _close(open_N, y_N, x_N, y_px, x_px, spacing.away_px)
    while open_N.any():
        equal = np.flatnonzero(open_N & (score_N == score_N[open_N].max()))
        first = equal[depth_N[equal].argmax()]
        region, y, x = int(region_N[first]), int(y_N[first]), int(x_N[first])
        spacing.take(y, x)
        yield region, y, x
        _close(open_N, y_N, x_N, y, x, spacing.away_px)
        if one_per_region:
            open_N &= region_N != region


def _close(open_N: Array, y_N: Array, x_N: Array, y_px: float, x_px: float, away_px: float) -> None:
    """Rule out the pixels that lie nearer to a point than `away_px`; rows ascend."""
    first = int(np.searchsorted(y_N, y_px - away_px, side="left"))
    near = slice(first, int(np.searchsorted(y_N, y_px + away_px, side="right")))
    open_N[near] &= (y_N[near] - y_px) ** 2 + (x_N[near] - x_px) ** 2 >= away_px**2


def _target(
    found: Territory,
    community: int,
    place: Place,
    confidence_YX: Array | None,
    pixel_to_stage: PixelToStage | None,
) -> Target:
    region, y, x = place
    _, x0, _, x1 = found.boxes_K4[region].tolist()
    squared = clearance_squared(found, np.array([y]), np.array([x]), x0, x1)
    y_px, x_px = y + found.y0, x + found.x0
    return Target(
        community=int(community),
        y_px=float(y_px),
        x_px=float(x_px),
        region=region + 1,
        clearance_px=float(np.sqrt(squared[0])),
        confidence=None if confidence_YX is None else float(confidence_YX[y_px, x_px]) / 255.0,
        stage_m=None if pixel_to_stage is None else to_stage(pixel_to_stage, y_px, x_px),
    )


def _check(
    labels_YX: Array,
    count: int,
    strategy: str,
    maps: dict[str, Array | None],
    min_distance_px: float,
) -> None:
    if strategy not in STRATEGIES:
        raise ValueError(f"Strategy {strategy!r} is not one of {', '.join(STRATEGIES)}.")
    if count < 1:
        raise ValueError(f"count must be at least 1, not {count}.")
    if not min_distance_px >= 0.0:
        raise ValueError(f"min_distance_px must be 0 or more, not {min_distance_px}.")
    shape = np.shape(labels_YX)
    if len(shape) != 2:
        raise ValueError(f"labels_YX must have two axes, not the shape {list(shape)}.")
    needed = {"novelty": "novelty_YX", "high_confidence": "confidence_YX"}
    needed["low_confidence"] = "confidence_YX"
    if strategy in needed and maps[needed[strategy]] is None:
        raise ValueError(f"Strategy {strategy} needs {needed[strategy]}.")
    for name, values_YX in maps.items():
        if values_YX is not None and np.shape(values_YX) != shape:
            raise ValueError(
                f"{name} has the shape {list(np.shape(values_YX))}, labels_YX {list(shape)}."
            )
