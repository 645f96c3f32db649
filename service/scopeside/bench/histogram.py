"""Durations as an HDR histogram: every value to 0.1 %, from a microsecond to an hour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

LEAST_US, MOST_US, DIGITS = 1, 3_600_000_000, 3

PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9)


def _bounds_us() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The least and the largest value of every counter, in order.

    The layout of an HDR histogram: the first bucket counts single units, each that follows has
    half as many counters, twice as wide as those before.
    """
    empty = HdrHistogram(LEAST_US, MOST_US, DIGITS)
    half = int(empty.sub_bucket_half_count)
    index = np.arange(len(empty.counts), dtype=np.int64)
    bucket = np.maximum(0, index // half - 1)
    place = np.where(index < half, index, index % half + half)
    width = (1 << bucket).astype(np.int64)
    lowest: NDArray[np.int64] = place * width
    highest: NDArray[np.int64] = lowest + width - 1
    return lowest, highest


LOWEST_US, HIGHEST_US = _bounds_us()


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Percentiles in seconds; of fewer than 100 durations p99 is the largest."""

    count: int
    mean_s: float
    p50_s: float
    p90_s: float
    p95_s: float
    p99_s: float
    p999_s: float
    max_s: float


class Durations:
    """A histogram of durations in HdrHistogram's own V2 format, which its other ports read."""

    def __init__(self) -> None:
        self._histogram = HdrHistogram(LEAST_US, MOST_US, DIGITS)

    @classmethod
    def of(cls, durations_s: Iterable[float]) -> Self:
        """Return the histogram of `durations_s`."""
        made = cls()
        for seconds in durations_s:
            made.add(seconds)
        return made

    @classmethod
    def decoded(cls, text: str) -> Self:
        """Return the histogram that `encoded` wrote."""
        made = cls()
        made._histogram.decode_and_add(text.encode())
        return made

    def add(self, seconds: float) -> None:
        """Count one duration; what is shorter than a microsecond counts as none, and clocks
        that were stepped backwards cannot make one negative."""
        self._histogram.record_value(min(MOST_US, max(0, round(1e6 * seconds))))

    def add_all(self, other: Durations) -> None:
        """Count what `other` counted."""
        self._histogram.add(other._histogram)

    @property
    def count(self) -> int:
        return int(self._counts.sum())

    def at(self, percent: float) -> float:
        """Return the smallest recorded duration that `percent` of all do not exceed, in seconds.

        Nearest rank. Raises IndexError where nothing was recorded.
        """
        return float(self._ranked_s([percent])[0])

    def summary(self) -> Summary:
        """Return the figures of at least one duration; IndexError of none."""
        p50, p90, p95, p99, p999, most = self._ranked_s([*PERCENTILES, 100.0]).tolist()
        counts = self._counts
        middles_us = LOWEST_US + (HIGHEST_US - LOWEST_US) / 2.0
        return Summary(
            count=int(counts.sum()),
            mean_s=float(counts @ middles_us / counts.sum()) / 1e6,
            p50_s=p50,
            p90_s=p90,
            p95_s=p95,
            p99_s=p99,
            p999_s=p999,
            max_s=most,
        )

    @property
    def _counts(self) -> NDArray[np.int64]:
        """The library's own counters, not copied."""
        counts: NDArray[np.int64] = np.frombuffer(self._histogram.counts, dtype=np.int64)
        return counts

    def _ranked_s(self, percents: Sequence[float]) -> NDArray[np.float64]:
        # The library's own queries walk through 20,000 buckets in Python, once for each, and round
        # a rank to the nearest whole one, which of 60 durations leaves the largest out of p99.
        below = np.cumsum(self._counts)
        ranks = np.ceil(np.array(percents) / 100.0 * below[-1] - 1e-9)
        found = np.searchsorted(below, np.maximum(1, ranks))
        ranked_s: NDArray[np.float64] = HIGHEST_US[found] / 1e6
        return ranked_s

    def encoded(self) -> str:
        """Return the histogram as base64 of the compressed V2 format."""
        text: Any = self._histogram.encode()
        return text.decode() if isinstance(text, bytes) else str(text)
