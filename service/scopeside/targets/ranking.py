"""The order in which the pixels of a community come into question: the highest score first.

Shape suffixes as in `territory.py`; B pixels of the border.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scopeside.targets.target import Strategy
from scopeside.targets.territory import Array, Bools, Territory

Values = Callable[[str], Array]
"""Gives the values of one of the caller's maps at the community's pixels."""


@dataclass(frozen=True)
class Ranking:
    """Places `at_N` among the community's pixels with their scores; ties go to the deeper."""

    at_N: Array
    score_N: Array


def rank(strategy: Strategy, territory: Territory, values: Values, *, seed: int) -> Ranking:
    """Return the candidates of every strategy but `interior`."""
    every_N = np.arange(len(territory.flat_N))
    if strategy == "boundary":
        return _by_border(territory)
    if strategy == "random":
        return Ranking(every_N, np.random.default_rng(seed).random(len(every_N)))
    if strategy == "novelty":
        return Ranking(every_N, values("novelty_YX").astype(np.float64))
    confidence_N = values("confidence_YX").astype(np.float64)
    return Ranking(every_N, confidence_N if strategy == "high_confidence" else -confidence_N)


def _by_border(territory: Territory) -> Ranking:
    """Rank the pixels next to another community: regions by length of border, then nearness to
    the middle of it.

    The frame's own edge is no border: what lies beyond it is not known.
    """
    at_B = np.flatnonzero(_borders(territory))
    region_B = territory.region_N[at_B]
    y_B, x_B = territory.y_N[at_B], territory.x_N[at_B]
    length_K = np.bincount(region_B, minlength=territory.regions)
    share_K = 1.0 / np.maximum(length_K, 1)
    y_K = np.bincount(region_B, y_B, territory.regions) * share_K
    x_K = np.bincount(region_B, x_B, territory.regions) * share_K
    away_B = np.hypot(y_B - y_K[region_B], x_B - x_K[region_B])
    order_K = np.argsort(np.argsort(length_K, kind="stable"), kind="stable")
    score_B = order_K[region_B] - away_B / (1.0 + away_B.max(initial=0.0))
    return Ranking(at_B, score_B)


def _borders(territory: Territory) -> Bools:
    """Return which of the pixels share a side with one of another community in the frame."""
    inside_HW, (ny, nx) = territory.inside_HW, territory.frame_shape
    other_HW = ~inside_HW
    # The margin of the box may lie outside the frame, where nobody is.
    height, width = inside_HW.shape
    other_HW[0] &= territory.y0 >= 0
    other_HW[-1] &= territory.y0 + height <= ny
    other_HW[:, 0] &= territory.x0 >= 0
    other_HW[:, -1] &= territory.x0 + width <= nx
    borders_HW = np.zeros_like(inside_HW)
    borders_HW[1:-1, 1:-1] = (
        other_HW[:-2, 1:-1] | other_HW[2:, 1:-1] | other_HW[1:-1, :-2] | other_HW[1:-1, 2:]
    )
    borders_N: Bools = borders_HW.ravel()[territory.flat_N]
    return borders_N
