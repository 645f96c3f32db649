"""Two plans that steer by a ScopesideDetector; both are ordinary generators of messages."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, TypeVar

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
import numpy as np
from bluesky.protocols import Movable
from bluesky.utils import Msg

from scopeside.bluesky.detector import ScopesideDetector
from scopeside.bluesky.figures import Community, fraction_key
from scopeside.errors import ConfigError

Outcome = TypeVar("Outcome")


def acquire_until(
    detector: ScopesideDetector,
    community: Community,
    fraction: float,
    *,
    most_frames: int = 1000,
    md: Mapping[str, Any] | None = None,
) -> Generator[Msg, Any, int | None]:
    """Take frames until a community covers `fraction` of what is labelled.

    Returns the number of the frame that showed it, None where none of `most_frames` did. The
    detector has to tell the fraction (`communities=`). What is to happen then, closing a shutter
    say, comes after `yield from`.
    """
    key = f"{detector.name}-{fraction_key(community)}"
    if key not in detector.hints.get("fields", []):
        raise ConfigError(
            f"{detector.name} does not tell {key}: give it communities=({community!r},)."
        )

    def inner() -> Generator[Msg, Any, int | None]:
        for _ in range(most_frames):
            reading = yield from bps.trigger_and_read([detector])
            if reading[key]["value"] >= fraction:
                return int(reading[f"{detector.name}-frame"]["value"])
        return None

    return (yield from _run("acquire_until", detector, inner(), md))


def visit_targets(
    detector: ScopesideDetector,
    x: Movable[float],
    y: Movable[float],
    *,
    md: Mapping[str, Any] | None = None,
) -> Generator[Msg, Any, int]:
    """Take a frame, then drive the stage to each of its targets and take one there.

    `x` and `y` move the stage, in metres. The detector has to tell targets (`visit=`), and its
    frames where their pixels lie (`pixel_to_stage`). Returns how many were visited.
    """
    key = f"{detector.name}-targets_m"

    def inner() -> Generator[Msg, Any, int]:
        reading = yield from bps.trigger_and_read([detector, x, y])
        if key not in reading:
            raise ConfigError(f"{detector.name} tells no targets: give it visit=COMMUNITY.")
        # Each frame has targets of its own; the plan goes to those of the first.
        targets_m = np.asarray(reading[key]["value"])
        known_m = targets_m[np.isfinite(targets_m).all(axis=1)]
        for x_m, y_m in known_m.tolist():
            yield from bps.mv(x, x_m, y, y_m)
            yield from bps.trigger_and_read([detector, x, y])
        return len(known_m)

    return (yield from _run("visit_targets", detector, inner(), md))


def _run(
    plan_name: str,
    detector: ScopesideDetector,
    plan: Generator[Msg, Any, Outcome],
    md: Mapping[str, Any] | None,
) -> Generator[Msg, Any, Outcome]:
    """Do a plan as one run, with its detector staged; return its outcome, not the run's uid."""
    named = {"plan_name": plan_name, "detectors": [detector.name], **(md or {})}
    outcomes: list[Outcome] = []

    def kept() -> Generator[Msg, Any, None]:
        outcomes.append((yield from plan))

    yield from bpp.stage_wrapper(bpp.run_wrapper(kept(), md=named), [detector])
    return outcomes[0]
