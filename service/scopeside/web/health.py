"""Whether the service lives and whether it is ready, judged from its figures, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scopeside.web.link import Answer

READY = ("ready", "paused")
"""Paused is warm and bound: somebody chose that no frames are taken."""


@dataclass(frozen=True, slots=True)
class Verdict:
    ok: bool
    why: str


def alive(answer: Answer, *, stuck_s: float) -> Verdict:
    """Return whether every loop of the service turns.

    A thread that hangs in a library is alive to the system, and heartbeats go on without it: what
    tells is the age of its last turn.
    """
    if answer.figures is None:
        return Verdict(False, f"the service does not answer: {answer.problem}")
    ages_s = {name: float(one["age_s"]) for name, one in answer.figures["threads"].items()}
    stuck = {name: age_s for name, age_s in ages_s.items() if age_s > stuck_s}
    if stuck:
        names = ", ".join(f"{name} for {age_s:.0f} s" for name, age_s in sorted(stuck.items()))
        return Verdict(
            False,
            f"a thread of the service hangs: {names} without a turn, and http.stuck_s is"
            f" {stuck_s:g} s",
        )
    slowest = max(ages_s, key=lambda name: ages_s[name])
    return Verdict(
        True,
        f"alive: {answer.figures['state']}; the oldest turn of {len(ages_s)} threads is that of"
        f" {slowest}, {ages_s[slowest]:.1f} s ago",
    )


def ready(answer: Answer) -> Verdict:
    """Return whether frames that come now are segmented."""
    if answer.figures is None:
        return Verdict(False, f"the service does not answer: {answer.problem}")
    figures: dict[str, Any] = dict(answer.figures)
    state = str(figures["state"])
    if state not in READY:
        return Verdict(False, f"not ready: {state}")
    return Verdict(True, f"{state}: warm, takes frames from {figures['ingest']}")
