"""The state of the service in plain words: one sentence that says what happens and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

SILENT_S = 3.0
"""Three heartbeats: a service that said nothing for so long is not heard from."""

WAITING_S = 3.0
"""A camera that exposes for longer than this is told as waiting; between frames it is."""

OVERLOADED = 0.01
"""Share of frames dropped from which it is worth a word."""

TOO_FAST = ("overload", "deadline")
HARMLESS = ("stale",)
"""Frames of a series that ended: what a restarted sender leaves behind."""

Level = Literal["good", "note", "warning", "bad"]


@dataclass(frozen=True, slots=True)
class Words:
    level: Level
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What came and went over the last seconds, from two heartbeats."""

    received: int
    segmented: int
    dropped: Mapping[str, int]
    rate_hz: float

    @property
    def lost(self) -> float:
        """Share of the frames that was dropped because they came too fast."""
        count = sum(self.dropped.get(reason, 0) for reason in TOO_FAST)
        return count / self.received if self.received else 0.0

    @property
    def unusable(self) -> dict[str, int]:
        known = (*TOO_FAST, *HARMLESS)
        return {why: count for why, count in self.dropped.items() if why not in known and count}


def in_words(
    *,
    state: str | None,
    state_s: float,
    silent_s: float,
    endpoint: str,
    quiet_s: float,
    flow: Flow,
    service_s: float | None,
    last_drop: str | None,
) -> Words:
    """Return the sentence. Times in seconds: `state_s` in this state, `silent_s` since the last
    heartbeat, `quiet_s` since the last frame."""
    if state is None:
        return Words("bad", "The service has not been heard from yet.")
    if silent_s > SILENT_S:
        return Words("bad", f"The service has not been heard from for {_time(silent_s)}.")
    if state != "ready":
        return _not_ready(state, state_s)
    if flow.unusable:
        reasons = ", ".join(f"{why} {count}" for why, count in sorted(flow.unusable.items()))
        return Words("warning", f"Frames cannot be used ({reasons}): {last_drop or 'see the log.'}")
    if quiet_s > WAITING_S:
        return Words("note", f"Waiting for frames from {endpoint} for {_time(quiet_s)}.")
    took = "" if service_s is None else f", {1000 * service_s:.0f} ms each"
    if flow.lost >= OVERLOADED:
        return Words(
            "warning",
            f"Overloaded: dropping {100 * flow.lost:.0f} % of the frames, segmenting "
            f"{flow.rate_hz:.3g} a second{took}.",
        )
    rate = f"{flow.rate_hz:.3g}"
    return Words("good", f"Segmenting {rate} frame{'' if rate == '1' else 's'} a second{took}.")


def device_words(device: str | None, asked: str | None) -> str:
    """Return where it runs, and that a GPU is absent where one would have been taken."""
    if device is None:
        return ""
    if device.startswith("cpu"):
        return "GPU absent: running on CPU" if asked == "auto" else "Running on CPU, as set"
    return f"Running on {device}"


def _not_ready(state: str, state_s: float) -> Words:
    if state in ("starting", "warming"):
        return Words("note", f"Warming up for {_time(state_s)}: no frames are taken yet.")
    if state == "paused":
        return Words("note", f"Paused for {_time(state_s)}: no frames are taken until you resume.")
    if state == "draining":
        return Words("note", "Draining: what was received is finished, then the service ends.")
    return Words("bad", "The service has stopped.")


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def flow_between(before: Mapping[str, Any], after: Mapping[str, Any], rate_hz: float) -> Flow:
    """Return what happened between two books of one service."""
    dropped = {
        reason: int(count) - int(before["dropped"].get(reason, 0))
        for reason, count in after["dropped"].items()
    }
    return Flow(
        received=int(after["received"]) - int(before["received"]),
        segmented=int(after["segmented"]) - int(before["segmented"]),
        dropped=dropped,
        rate_hz=rate_hz,
    )
