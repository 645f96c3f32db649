"""Two conditions measured by turns: their percentiles over all rounds, and how sure the ratio is.

A percentile near the end of a distribution is made by few frames, and a machine has moods of
seconds. So each condition pools the frames of all its rounds, and rounds, not frames, are drawn
again for the interval (a bootstrap of pairs: Efron and Tibshirani, An Introduction to the
Bootstrap, 1993, chapters 8 and 13).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 2000
"""Enough for the ends of a 95 % interval to stand still in their second digit."""

SURE = (2.5, 97.5)


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """A percentile under one condition over that under the other, with its 95 % interval."""

    value: float
    low: float
    high: float


def in_order(number: int) -> tuple[bool, bool]:
    """Return which of (without, with) come first and second in a round, as False and True.

    Turned round with every round, so that a drift of the machine favours neither.
    """
    return (False, True) if number % 2 == 0 else (True, False)


def pooled(rounds: Sequence[Sequence[float]]) -> np.ndarray:
    """Every duration of a condition."""
    return np.concatenate([np.asarray(one, np.float64) for one in rounds])


def rank(durations: np.ndarray, percent: float) -> float:
    """Return a percentile by nearest rank, as `latency.Percentiles` has it: one of the frames."""
    return float(np.percentile(durations, percent, method="inverted_cdf"))


def ratio_of_percentiles(
    without: Sequence[Sequence[float]],
    watched: Sequence[Sequence[float]],
    percent: float,
    *,
    seed: int = 0,
) -> Ratio:
    """Return the pooled percentile of `watched` over that of `without`; round by round in pairs."""
    if len(without) != len(watched):
        raise ValueError(f"{len(without)} rounds have no pair among {len(watched)}")
    rounds = range(len(without))
    drawn = np.random.default_rng(seed).integers(0, len(rounds), (DRAWS, len(rounds)))

    def ratio(chosen: Sequence[int]) -> float:
        below = rank(pooled([without[one] for one in chosen]), percent)
        return rank(pooled([watched[one] for one in chosen]), percent) / below

    low, high = np.percentile([ratio(chosen) for chosen in drawn], SURE)
    return Ratio(value=ratio(rounds), low=float(low), high=float(high))


def frames_beyond(rounds: Sequence[Sequence[float]], percent: float) -> int:
    """Return how many frames make the percentile: those that took as long or longer."""
    durations = pooled(rounds)
    return int((durations >= rank(durations, percent)).sum())
