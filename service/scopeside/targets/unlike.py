"""The order in which to visit regions so that every look is met early.

Shape suffixes: R regions; F figures of each (mean intensity, contrast, crystallinity, ...).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from scopeside.targets.territory import Array


def farthest_first(looks_RF: Sequence[Sequence[float]] | Array) -> Iterator[int]:
    """Give the numbers of all regions, the first one first, then whichever is least like those.

    How unlike a region is, is its distance to the most like of those given before; every figure
    counts in units of its standard deviation over the regions, and one that is the same
    everywhere says nothing. Regions that look exactly like one that was given come last, in
    their own order. Of k given this way, no other region lies more than twice as far from the
    nearest as in the best choice of k (T. F. Gonzalez, Theoretical Computer Science 38, 293,
    1985). ValueError for what is no table of finite numbers.
    """
    looks_RF = np.asarray(looks_RF, np.float64)
    if len(looks_RF) == 0:
        return
    if looks_RF.ndim != 2 or not np.isfinite(looks_RF).all():
        raise ValueError("looks_RF must be a table of finite numbers, a row for each region.")
    # Shifted first: a deviation much smaller than the mean would be lost in rounding.
    looks_RF = looks_RF - looks_RF[:1]
    spread_F = looks_RF.std(axis=0)
    looks_RF = looks_RF / np.where(spread_F > 0.0, spread_F, 1.0)
    away_R = np.full(len(looks_RF), np.inf)
    for _ in range(len(looks_RF)):
        at = int(away_R.argmax())
        yield at
        away_R = np.minimum(away_R, np.linalg.norm(looks_RF - looks_RF[at], axis=1))
        away_R[at] = -1.0  # below the 0 of its likes that wait
