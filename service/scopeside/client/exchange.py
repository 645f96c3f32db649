"""Time stamps exchanged with the service, and what they say of the difference of two clocks.

As NTP does (RFC 5905, section 8): with the request sent at t0 and the reply here at t3 by our
clock, received at t1 and sent at t2 by the other, the other's clock minus ours is
`((t1 - t0) + (t2 - t3)) / 2`, wrong by no more than half of the way `(t3 - t0) - (t2 - t1)`.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

BEST = 4
"""One in so many exchanges counts, those with the shortest way: what a busy machine or network
adds to the others goes one way only, and would shift the offset."""

LEAST = 3
"""Fewest exchanges that count, where there are so many: a median of fewer is a mean."""

DRIFT_PER_S = 30e-6
"""How fast two clocks may part: each runs wrong by 15 ppm at most (PHI of RFC 5905, section 11)."""

OWN_RESOLUTION_NS = round(1e9 * time.get_clock_info("time").resolution)
"""What our own stamps are exact to; 15.6 ms on Windows before Python 3.13."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and its reply, in nanoseconds of the two wall clocks."""

    t0_ns: int
    t1_ns: int
    t2_ns: int
    t3_ns: int

    @property
    def way_ns(self) -> int:
        """Time on the way, there and back."""
        return max(0, (self.t3_ns - self.t0_ns) - (self.t2_ns - self.t1_ns))

    @property
    def offset_ns(self) -> int:
        return ((self.t1_ns - self.t0_ns) + (self.t2_ns - self.t3_ns)) // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockOffset:
    """The service's clock minus this machine's, and the most by which that may be wrong."""

    offset_ns: int
    uncertainty_ns: int

    def aged(self, seconds: float) -> ClockOffset:
        """Return the same, known `seconds` ago: as uncertain as two clocks have parted since."""
        parted_ns = round(1e9 * DRIFT_PER_S * max(0.0, seconds))
        return ClockOffset(offset_ns=self.offset_ns, uncertainty_ns=self.uncertainty_ns + parted_ns)


def estimate(
    exchanges: Sequence[Exchange], *, resolution_ns: int = OWN_RESOLUTION_NS
) -> ClockOffset:
    """Return the median offset of the best exchanges; ValueError where there are none.

    Each exchange bounds the true offset by half its way around its own, so the median is wrong by
    no more than the least of (distance to an exchange's offset + half its way); to that comes
    what our own stamps are exact to.
    """
    counted = max(LEAST, len(exchanges) // BEST)
    best = sorted(exchanges, key=lambda one: one.way_ns)[:counted]
    if not best:
        raise ValueError("no exchange of time stamps came back")
    offset_ns = round(statistics.median(one.offset_ns for one in best))
    bound_ns = min(abs(offset_ns - one.offset_ns) + (one.way_ns + 1) // 2 for one in best)
    # The halves above are rounded, each by less than a nanosecond.
    return ClockOffset(offset_ns=offset_ns, uncertainty_ns=bound_ns + 2 + resolution_ns)
