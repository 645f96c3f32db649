"""The service's pulse: one heartbeat a second, and the figures that status and beat share."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from scopeside.channels import Channel
from scopeside.messages import Frame
from scopeside.runtime.lifecycle import Lifecycle
from scopeside.stages.books import Books
from scopeside.turns import Turns
from scopeside.wire.events import Event, heartbeat

INTERVAL_S = 1.0
RATE_BEATS = 5
"""Beats over which the rate is a mean: short enough to follow, long enough to be steady."""


class Pulse:
    """Makes heartbeats at fixed times; the main thread calls it, any thread reads `rate_hz`."""

    def __init__(
        self,
        lifecycle: Lifecycle,
        books: Books,
        frames: Channel[Frame],
        *,
        recording: Callable[[], Mapping[str, Any] | None] = lambda: None,
        saving: Callable[[], Mapping[str, Any] | None] = lambda: None,
    ) -> None:
        self._lifecycle = lifecycle
        self._kept = {"recording": recording, "saving": saving}
        self._books = books
        self._frames = frames
        self._due_s = time.monotonic() + INTERVAL_S
        self.turns = Turns()
        self._counts: deque[tuple[float, int]] = deque([(time.monotonic(), 0)], RATE_BEATS + 1)

    @property
    def rate_hz(self) -> float:
        """Frames segmented a second over the last few beats."""
        (first_s, first), (last_s, last) = self._counts[0], self._counts[-1]
        return (last - first) / (last_s - first_s) if last_s > first_s else 0.0

    @property
    def queue(self) -> int:
        return self._frames.statistics().waiting

    def next_s(self) -> float:
        """Seconds until the next beat is due; a late beat does not shift those after it."""
        now_s = time.monotonic()
        while self._due_s <= now_s:
            self._due_s += INTERVAL_S
        return self._due_s - now_s

    def due(self) -> bool:
        """Return whether a beat is due; the next one is then a second later."""
        due = time.monotonic() >= self._due_s
        self.next_s()
        return due

    def beat(self) -> Event:
        """Return this moment's heartbeat."""
        self.turns.mark()
        totals = self._books.totals()
        now_s = time.monotonic()
        # A beat between two that are due (a change of state) must not shorten the rate's window.
        if now_s - self._counts[-1][0] >= INTERVAL_S / 2:
            self._counts.append((now_s, totals.segmented))
        return heartbeat(
            state=self._lifecycle.state.value,
            uptime_s=self._lifecycle.uptime_s,
            queue=self.queue,
            rate_hz=self.rate_hz,
            totals=totals,
            **self._recorded(),
        )

    def figures(self) -> dict[str, Any]:
        """Return what `status` says about the flow."""
        statistics = self._frames.statistics()
        return {
            "rate_hz": self.rate_hz,
            "queue": {
                "policy": statistics.policy,
                "capacity": statistics.capacity,
                "waiting": statistics.waiting,
                "peak": statistics.peak,
            },
            **self._recorded(),
        }

    def _recorded(self) -> dict[str, Any]:
        told = {name: figures() for name, figures in self._kept.items()}
        return {name: dict(figures) for name, figures in told.items() if figures is not None}
