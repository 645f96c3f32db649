"""Whether two sets of repeats differ by more than the noise between repeats.

Frames of one process are not independent of each other: they share its memory layout, its threads
and whatever else ran in those seconds. The unit is therefore the repeat, a fresh process each
(T. Kalibera and R. Jones, "Rigorous Benchmarking in Reasonable Time", ISMM 2013), and what is
compared is the ratio of geometric means: speeds and times are positive, and their noise is a
share of them. Welch's unequal variances t-test on the logarithms (B. L. Welch, Biometrika 34,
1947) gives the probability and the interval; Holm's step-down correction (S. Holm, Scandinavian
Journal of Statistics 6, 1979) keeps the chance of any false alarm among several figures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
ALPHA = 1.0 - CONFIDENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """B over A: the estimate, its interval, and the probability of a ratio so far from 1 or
    farther where nothing has changed."""

    estimate: float
    low: float
    high: float
    probability: float


def ratio(
    a: Sequence[float], b: Sequence[float], *, least: float, resolution: float = 1e-3
) -> Ratio:
    """Compare repeats; both need two at least.

    Values below `least`, which nothing can measure, count as `least`. `resolution` is the relative
    step in which values are known: a uniform error of that width is added to the variance of each
    value, so that repeats that agree to the last digit are not taken for exact.
    """
    logs_a, logs_b = (np.log(np.maximum(values, least)) for values in (a, b))
    known = math.log1p(resolution) ** 2 / 12.0
    variance_a, variance_b = (
        (float(logs.var(ddof=1)) + known) / len(logs) for logs in (logs_a, logs_b)
    )
    error = math.sqrt(variance_a + variance_b)
    freedom = (variance_a + variance_b) ** 2 / (
        variance_a**2 / (len(logs_a) - 1) + variance_b**2 / (len(logs_b) - 1)
    )
    shift = float(logs_b.mean() - logs_a.mean())
    reach = float(stats.t.ppf(1.0 - ALPHA / 2.0, freedom)) * error
    return Ratio(
        estimate=math.exp(shift),
        low=math.exp(shift - reach),
        high=math.exp(shift + reach),
        probability=float(2.0 * stats.t.sf(abs(shift) / error, freedom)),
    )


def holm(probabilities: Sequence[float]) -> list[float]:
    """Return the probabilities corrected for their number, in the order given."""
    order = sorted(range(len(probabilities)), key=probabilities.__getitem__)
    corrected = [0.0] * len(probabilities)
    highest = 0.0
    for place, index in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - place) * probabilities[index]))
        corrected[index] = highest
    return corrected
