"""Offered rates: preferred numbers, and the search for the highest one that holds.

Rates are taken from the series R40 of ISO 3 (40 numbers a decade, 6 % apart), so that two runs
that search by themselves offer the same rates and can be compared at them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

PER_DECADE = 40
STEP = 10.0 ** (1.0 / PER_DECADE)
"""Ratio of neighbouring rates: a highest rate is known to this factor and no better."""

LEAST_HZ = 0.01
STRIDE = 4
"""Numbers skipped by the first step up or down: a factor of 1.26."""


def rate_hz(index: int) -> float:
    """Return number `index` of the series in Hz, with three digits; 0 is 1 Hz."""
    return float(f"{10.0 ** (index / PER_DECADE):.3g}")


def index_below(hz: float) -> int:
    """Return the index of the largest rate of the series that does not exceed `hz`."""
    index = math.floor(PER_DECADE * math.log10(hz)) + 1
    while rate_hz(index) > hz:
        index -= 1
    return index


def highest(holds: Callable[[float], bool], *, start_hz: float) -> float | None:
    """Return the highest rate of the series at which `holds(rate)`; None where none does.

    Goes up or down from `start_hz`, by `STRIDE` numbers and then by twice as many each time, until
    one rate holds and one does not, then halves what lies between. A rate is asked for once.
    """
    index = index_below(max(start_hz, LEAST_HZ))
    stride = STRIDE
    if holds(rate_hz(index)):
        good, bad = index, index + stride
        while holds(rate_hz(bad)):
            stride *= 2
            good, bad = bad, bad + stride
    else:
        least = index_below(LEAST_HZ)
        good, bad = max(least, index - stride), index
        while bad > least and not holds(rate_hz(good)):
            stride *= 2
            good, bad = max(least, good - stride), good
        if bad == least:
            return None
    while bad - good > 1:
        middle = (good + bad) // 2
        if holds(rate_hz(middle)):
            good = middle
        else:
            bad = middle
    return rate_hz(good)
