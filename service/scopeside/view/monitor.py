"""What is known of a running service from its results and events, as an observer gathers it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scopeside.client.result import Result, ResultAccounting
from scopeside.errors import DropReason
from scopeside.latency import LatencyLog, Percentiles
from scopeside.wire.arrays import short

RATE_WINDOW_S = 10.0
"""The rate counts results that came within this time."""

LATENCY_WINDOW = 300
"""Latency percentiles cover this many results."""

TREND_FRAMES = 10
"""A trend compares a fraction with this many results ago."""

HEARTBEAT_TIMEOUT_S = 3.0
"""A service silent for three heartbeats (one a second) counts as not heard from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommunityRow:
    """One community now; `trend` is the change of its fraction over `TREND_FRAMES` results."""

    id: int
    title: str
    color: tuple[int, int, int]
    fraction: float
    trend: float
    age: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a view shows; `state` is None where no heartbeat came lately.

    `accounting` is of the last result's series, up to that result; `service_books` are of the
    whole service, up to its last heartbeat. Each tells of drops that the other cannot.
    `resultless_drops` rises with every heartbeat that tells of new drops and follows no result.
    """

    state: str | None
    uptime_s: float | None
    series: str | None
    frame: int | None
    results: int
    rate_hz: float
    totals: Mapping[str, Percentiles]
    stages: Mapping[str, Percentiles]
    communities: tuple[CommunityRow, ...]
    accounting: ResultAccounting | None
    service_books: ResultAccounting | None
    resultless_drops: int
    last_drop: str | None
    resolution: float | None
    last_error: str | None
    last_alarm: str | None = None


class Monitor:
    """Gathers results and events; `now_s` is any monotonic clock, the same throughout."""

    def __init__(self) -> None:
        self.results = 0
        self._arrivals_s: deque[float] = deque()
        self._latency = LatencyLog(window=LATENCY_WINDOW)
        self._fractions: deque[dict[int, float]] = deque(maxlen=TREND_FRAMES + 1)
        self._last: Result | None = None
        self._books: ResultAccounting | None = None
        self._heartbeat: Mapping[str, Any] = {}
        self._heartbeat_s: float | None = None
        self._service_books: ResultAccounting | None = None
        self._results_at_heartbeat = 0
        self._resultless_drops = 0
        self._drop: Mapping[str, Any] = {}
        self._error: str | None = None
        self._alarm: str | None = None

    def result(self, result: Result, *, now_s: float) -> None:
        """Take in one result."""
        if self._last is not None and self._last.series != result.series:
            self._fractions.clear()  # ids of another series are other materials
        self.results += 1
        self._arrivals_s.append(now_s)
        self._latency.add(result.timing)
        self._fractions.append({entry.id: entry.fraction for entry in result.communities})
        self._last = result
        self._books = result.accounting

    def event(self, event: Mapping[str, Any], *, now_s: float) -> None:
        """Take in one event; kinds that are not known are left alone."""
        kind = event.get("kind")
        if kind == "heartbeat":
            self._heartbeat, self._heartbeat_s = event, now_s
            self._take_totals(event.get("totals"))
        elif kind == "drop":
            # `overload` says what happened by its name; it must not hide what needs a fix.
            if event.get("reason") != DropReason.OVERLOAD or not self._drop:
                self._drop = event
        elif kind == "alarm":
            self._alarm = _alarm_in_words(event)
        elif kind == "error":
            self._error = str(event.get("message", event.get("error", "unknown error")))

    def snapshot(self, *, now_s: float) -> Snapshot:
        """Return the state of things at `now_s`."""
        while self._arrivals_s and self._arrivals_s[0] < now_s - RATE_WINDOW_S:
            self._arrivals_s.popleft()
        beat_s, last = self._heartbeat_s, self._last
        alive = beat_s is not None and now_s - beat_s <= HEARTBEAT_TIMEOUT_S
        return Snapshot(
            state=str(self._heartbeat.get("state")) if alive else None,
            uptime_s=self._heartbeat.get("uptime_s") if alive else None,
            series=last.series if last else None,
            frame=last.frame if last else None,
            results=self.results,
            rate_hz=self._rate_hz(),
            totals=self._latency.totals(),
            stages=self._latency.stages(),
            communities=self._communities(),
            accounting=self._books,
            service_books=self._service_books,
            resultless_drops=self._resultless_drops,
            last_drop=_drop_in_words(self._drop) if self._drop else None,
            resolution=last.graph.get("resolution") if last else None,
            last_error=self._error,
            last_alarm=self._alarm,
        )

    def _take_totals(self, totals: Any) -> None:
        try:
            books = ResultAccounting.from_message(totals)
        except (KeyError, TypeError, ValueError, AttributeError):
            return  # A heartbeat without books still says that the service lives.
        known = self._service_books.dropped_total if self._service_books is not None else 0
        if books.dropped_total > known and self.results == self._results_at_heartbeat:
            self._resultless_drops += 1
        self._service_books = books
        self._results_at_heartbeat = self.results

    def _rate_hz(self) -> float:
        """Intervals over time, so that a rate needs two results and no window to fill."""
        if len(self._arrivals_s) < 2:
            return 0.0
        spent_s = self._arrivals_s[-1] - self._arrivals_s[0]
        return (len(self._arrivals_s) - 1) / spent_s if spent_s > 0 else 0.0

    def _communities(self) -> tuple[CommunityRow, ...]:
        if self._last is None:
            return ()
        before = self._fractions[0]
        rows = [
            CommunityRow(
                id=entry.id,
                title=entry.title,
                color=entry.color,
                fraction=entry.fraction,
                trend=entry.fraction - before.get(entry.id, 0.0),
                age=entry.age,
            )
            for entry in self._last.communities
        ]
        return tuple(sorted(rows, key=lambda row: (-row.fraction, row.id)))


def _alarm_in_words(alarm: Mapping[str, Any]) -> str:
    """Return the rule, what it read, of whom, and on which frame."""
    words = f"{short(alarm.get('rule'))}: {alarm.get('figure') or alarm.get('watch')}"
    whose = alarm.get("name") or alarm.get("community") or alarm.get("between")
    if whose is not None:
        words += f" of {short(whose)}"
    value = alarm.get("value")
    if isinstance(value, int | float):
        words += f" is {value:.4g}"
    return words if alarm.get("frame") is None else f"{words}, frame {alarm['frame']}"


def _drop_in_words(drop: Mapping[str, Any]) -> str:
    """Return a drop's reason, whose it was where that could be read, and the service's sentence."""
    words = str(drop.get("reason"))
    if drop.get("series") is not None:
        words += f", series {short(drop['series'])}"
    if drop.get("frame") is not None:
        words += f", frame {drop['frame']}"
    return f"{words}: {drop.get('message')}"
