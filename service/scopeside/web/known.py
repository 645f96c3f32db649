"""What the web process knows of the service: gathered from events and answers, told to viewers."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from scopeside.web.history import Cursor, History
from scopeside.web.words import Flow, device_words, flow_between, in_words

EVENTS = 200
"""Events kept for a viewer that comes later."""

SERIES = 50

WINDOW_BEATS = 10
"""Heartbeats, one a second, over which drops are judged: long enough to be steady."""

SHOWN = ("alarm", "error", "drop", "series", "targets")

NO_FLOW = Flow(received=0, segmented=0, dropped={}, rate_hz=0.0)


class Known:
    """Everything but pictures; used from the event loop alone. `now_s` is a monotonic clock."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self.frames = History()
        self.service = History()
        self.result: dict[str, Any] = {}
        self.figures: Mapping[str, Any] = {}
        self.asked_device: str | None = None
        self.rules: list[Any] | None = None
        self._events: deque[tuple[int, Mapping[str, Any]]] = deque(maxlen=EVENTS)
        self._numbered = 0
        self._series: dict[str, dict[str, Any]] = {}
        self._books: deque[Mapping[str, Any]] = deque(maxlen=WINDOW_BEATS)
        self._state: str | None = None
        self._state_s = self._beat_s = self._frame_s = now_s()
        self._uptime_s = 0.0
        self._rate_hz = 0.0
        self._last_drop: str | None = None

    def hear(self, event: Mapping[str, Any]) -> None:
        """Take in an event; kinds that are not known are left alone."""
        kind = event.get("kind")
        if kind == "heartbeat":
            self._beat(event)
        elif kind == "series":
            self._note_series(event)
        if kind == "drop":
            self._last_drop = str(event.get("message"))
        if kind in SHOWN and not (kind == "drop" and event.get("reason") == "overload"):
            self._numbered += 1
            self._events.append((self._numbered, event))

    def see(self, result: dict[str, Any]) -> None:
        """Take in a result's description."""
        if result["series"] != self.result.get("series"):
            self.frames.clear()  # ids of another series are other materials
        self.result = result
        if result["series"] not in self._series:
            # It began before this process listened.
            self._list(result["series"], result["timing"]["t_received_ns"])
        self.frames.add(
            {
                "t": result["timing"]["t_received_ns"] / 1e9,
                "frame": result["frame"],
                "dose": result.get("dose_e_per_m2"),
                "fractions": {str(one["id"]): one["fraction"] for one in result["communities"]},
                "fronts": [
                    {"between": one["between"], "px": _place(one)}
                    for one in result.get("fronts", [])
                ],
            }
        )

    def measure(self, figures: Mapping[str, Any]) -> None:
        """Take in the answer to `metrics`."""
        self.figures = figures
        flow = self.flow
        latency = figures["percentiles"]["totals"].get("service", {})
        self.service.add(
            {
                "t": time.time(),
                "rate": self._rate_hz,
                "dropped": flow.lost,
                "p50": latency.get("p50_s"),
                "p95": latency.get("p95_s"),
                "p99": latency.get("p99_s"),
                "queue": figures["queues"]["frames"]["waiting"],
            }
        )

    def rename(self, community: int, name: str | None) -> None:
        """Show a name before the next result carries it: no frame may come for long."""
        for one in self.result.get("communities", []):
            if one["id"] == community:
                one["name"] = name

    @property
    def flow(self) -> Flow:
        """What came and went over the last heartbeats."""
        if len(self._books) < 2:
            return NO_FLOW
        return flow_between(self._books[0], self._books[-1], self._rate_hz)

    def told(self, frames: Cursor, service: Cursor, after_event: int) -> dict[str, Any]:
        """Return what a viewer shows, beginning with what it has not been told yet."""
        now_s, timing = self._now_s(), self.result.get("timing", {})
        words = in_words(
            state=self._state,
            state_s=now_s - self._state_s,
            silent_s=now_s - self._beat_s,
            endpoint=str(self.figures.get("ingest", "its endpoint")),
            quiet_s=now_s - self._frame_s,
            flow=self.flow,
            service_s=timing.get("service_s"),
            last_drop=self._last_drop,
        )
        device = self.figures.get("device")
        return {
            "words": {"level": words.level, "text": words.text},
            "device": device_words(device, self.asked_device),
            "state": self._state,
            "uptime_s": self._uptime_s,
            "rate_hz": self._rate_hz,
            "version": self.figures.get("version"),
            "totals": self._books[-1] if self._books else None,
            "queue": self.figures.get("queues", {}).get("frames"),
            "recording": self.figures.get("recording"),
            "percentiles": self.figures.get("percentiles"),
            "weights": self.figures.get("weights"),
            "rules": self.rules,
            "series": [self._with_books(one) for one in reversed(self._series.values())],
            "frames": self.frames.since(frames),
            "service": self.service.since(service),
            "events": [
                {"number": number, **_plain(event)}
                for number, event in self._events
                if number > after_event
            ],
            "event": self._numbered,
        }

    def _with_books(self, series: Mapping[str, Any]) -> dict[str, Any]:
        """Return a series with the newest books that are known of it."""
        now = {} if series["series"] != self.result.get("series") else self.result
        return {"accounting": now.get("accounting"), **series}

    def _beat(self, event: Mapping[str, Any]) -> None:
        now_s = self._now_s()
        self._beat_s = now_s
        if event["state"] != self._state:
            self._state, self._state_s = event["state"], now_s
        if event["uptime_s"] < self._uptime_s:
            self._books.clear()  # another service, with books of its own
        self._uptime_s = event["uptime_s"]
        self._rate_hz = event["rate_hz"]
        totals = event["totals"]
        before = self._books[-1]["received"] if self._books else 0
        if totals["received"] != before:
            self._frame_s = now_s
        self._books.append(totals)

    def _note_series(self, event: Mapping[str, Any]) -> None:
        name = str(event["series"])
        if name not in self._series:
            self._list(name, event["t_ns"])
        if event["event"] == "ended":
            self._series[name] |= {
                "ended_ns": event["t_ns"],
                "why": event["why"],
                "accounting": event["accounting"],
            }

    def _list(self, series: str, began_ns: int) -> None:
        self._series[series] = {"series": series, "began_ns": began_ns}
        while len(self._series) > SERIES:
            del self._series[next(iter(self._series))]


def _place(front: Mapping[str, Any]) -> float:
    """Return the column of a front's middle, or its row where the front lies more level.

    Its position along its own normal would jump when the front turns.
    """
    down, right = front["normal"]
    place_px: float = front["x_px"] if abs(right) >= abs(down) else front["y_px"]
    return place_px


def _plain(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return what JSON can carry of an event; `user` and the like may hold bytes."""
    return {
        str(key): value
        for key, value in event.items()
        if isinstance(value, str | int | float | list | dict | None)
    }
