"""One specimen: the loop of an example on it, and simple ways to use the same microscope.

Each run is a row; a way that is not `loop` needs no service, so it is run on the twin's own
microscope in this process, with frames of 64 x 64 pixels, of which only the truth is used.
"""

from __future__ import annotations

import math
import sys

import numpy as np

from harness import ROOT, Row, significant
from loops_apparatus import Apparatus
from scopeside.twin.makeup import MAKEUPS
from scopeside.twin.microscope import Microscope
from scopeside.twin.optics import Optics
from scopeside.twin.view import View

sys.path.insert(0, str(ROOT / "examples"))
import follow_front
import stop_in_time
import survey

FOV_M = survey.DETAIL_M
SMALL = (64, 64)
FOLLOW_FRAMES = 100
SCHEDULE_FRAMES = 5
"""Frames between two moves of a stage that follows a schedule: about as many as the loop takes."""
IN_VIEW = 0.05
"""Share of a frame that must lie on either side of the front for it to count as in view."""
SURVEY_M = 16 * survey.DETAIL_M
KIND_FROM = 0.01
"""Share of the area from which a kind of region counts as one that must be found."""
REACHED = 0.25
"""Share of a frame that a kind must have for the frame to count as a visit to it."""
TARGET = 0.5
FAR_M = 1e-6
STOP_FOV_M = 20.5e-9


def follow_run(at: Apparatus, seed: int) -> list[Row]:
    """Follow the front; stay where it began; go ahead of it at its mean speed, in its direction."""
    start = front_begins(seed)
    at.begin("film", seed, fov_m=FOV_M)
    at.twin.move(*start)
    truths = []
    for number, _ in follow_front.follow(at.client, at.twin, FOLLOW_FRAMES):
        truth = at.twin.truth(number, labels=False)
        truths.append((truth.raw["behind_front"], truth.raw["front_ahead_m"]))
    end = at.twin.standing()
    rows = [_followed("loop", seed, truths, end.clock_s, end.electrons)]
    for way in ("fixed position", "fixed schedule"):
        scope = _microscope("film", seed)
        scope.move(*start)
        angle = _front_angle(seed)
        truths = []
        for step in range(FOLLOW_FRAMES):
            if way == "fixed schedule" and step % SCHEDULE_FRAMES == 0:
                way_m = MAKEUPS["film"].front_m_per_s * end.clock_s * step / FOLLOW_FRAMES
                scope.move(start[0] + way_m * math.cos(angle), start[1] + way_m * math.sin(angle))
            scope.wait(max(0.0, end.clock_s * (step + 0.4) / FOLLOW_FRAMES - scope.clock_s))
            truth = scope.expose().truth
            truths.append((truth.behind_front, truth.front_ahead_m))
        rows.append(_followed(way, seed, truths, scope.clock_s, scope.electrons))
    return rows


def front_begins(seed: int) -> tuple[float, float]:
    """Return where, on its way through the origin, the front is when the clock begins.

    A microscopist begins with the front in the middle; nobody follows what has not been found.
    """
    scope = _microscope("film", seed)
    angle = _front_angle(seed)
    x_m = y_m = 0.0
    for _ in range(8):
        view = View(shape=(3, 3), pixel_m=0.2e-9, x_m=x_m, y_m=y_m)
        ahead_m = float(scope.specimen.front.ahead(view, 0.0)[1, 1])  # type: ignore[union-attr]
        x_m, y_m = x_m - ahead_m * math.cos(angle), y_m - ahead_m * math.sin(angle)
    return x_m, y_m


def _followed(way: str, seed: int, truths: list, clock_s: float, electrons: float) -> Row:
    behind, ahead_m = (np.array(column, float) for column in zip(*truths, strict=True))
    in_view = (behind >= IN_VIEW) & (behind <= 1.0 - IN_VIEW)
    return {
        "way": way,
        "seed": seed,
        "in_view": significant(float(in_view.mean())),
        "error_nm": significant(1e9 * float(np.abs(ahead_m).mean())),
        "worst_error_nm": significant(1e9 * float(np.abs(ahead_m).max())),
        "seconds": significant(clock_s),
        "electrons": significant(electrons),
    }


def survey_run(at: Apparatus, seed: int) -> list[Row]:
    """Survey the area; raster it at the same magnification, to its end."""
    at.begin("mosaic", seed, fov_m=FOV_M)
    whole = at.twin.truth(width_m=SURVEY_M, labels=False)
    wanted = {kind for kind, share in whole.fractions.items() if share >= KIND_FROM}
    reached: set[str] = set()
    until = None
    for _, number in survey.survey(at.client, at.twin, SURVEY_M):
        reached |= _kinds_of(at.twin.truth(number, labels=False).fractions) & wanted
        if until is None and reached == wanted:
            until = at.twin.standing()
    end = at.twin.standing()
    frames = at.twin.state()["frames"]
    scope, found, at_goal = _rastered(seed, wanted)
    return [
        {
            "way": way,
            "seed": seed,
            "kinds": len(wanted),
            "kinds_reached": len(kinds),
            "frames": taken,
            "electrons": significant(electrons),
            "dose_over_raster": significant(electrons / scope.electrons),
            "dose_to_goal_over_raster": significant(goal / scope.electrons),
            "seconds": significant(seconds),
        }
        for way, kinds, taken, electrons, goal, seconds in (
            (
                "loop",
                reached,
                frames,
                end.electrons,
                end.electrons if until is None else until.electrons,
                end.clock_s,
            ),
            ("raster", found, scope.frames, scope.electrons, at_goal, scope.clock_s),
        )
    ]


def _rastered(seed: int, wanted: set[str]) -> tuple[Microscope, set[str], float]:
    """Raster the area to and fro; the electrons until all was found are returned too."""
    scope = _microscope("mosaic", seed)
    scope.beam = "exposing"
    fields = round(SURVEY_M / FOV_M)
    middles_m = FOV_M * (np.arange(fields) - 0.5 * (fields - 1))
    found: set[str] = set()
    at_goal = None
    for row, y_m in enumerate(middles_m):
        for x_m in middles_m[:: 1 if row % 2 == 0 else -1]:
            scope.move(x_m, y_m)
            found |= _kinds_of(scope.expose().truth.fractions) & wanted
            if at_goal is None and found == wanted:
                at_goal = scope.electrons
    return scope, found, scope.electrons if at_goal is None else at_goal


def _kinds_of(shares: dict) -> set[str]:
    return {kind for kind, share in shares.items() if share >= REACHED}


def stop_run(at: Apparatus, seed: int) -> list[Row]:
    """Stop at one half by the label maps; stop by the dose at which half of a film is amorphous."""
    at.begin("film", seed, fov_m=STOP_FOV_M, front_lead_m=FAR_M)
    seen = list(stop_in_time.stop(at.client, at.twin, TARGET))
    charged_s = at.twin.charged_s
    standing = at.twin.standing()
    dark = at.twin.acquire()  # the beam is shut: it shows what was left
    final, last = (at.twin.truth(number, labels=False).amorphous for number in (dark, dark - 1))
    scope = _microscope("film", seed, front_lead_m=FAR_M)
    scope.fov_m = STOP_FOV_M
    rate = scope.optics.dose_e_per_m2(scope.fov_m, 1.0)
    scope.wait(MAKEUPS["film"].critical_e_per_m2 / rate)
    electrons = scope.electrons
    scope.beam = "shut"
    by_dose = scope.expose().truth.amorphous
    return [
        _stopped("loop", seed, final, standing.electrons)
        | {
            "frames": len(seen),
            "seen_last_frame": significant(seen[-1]),
            "truth_last_frame": significant(last),
            "latency_ms": significant(1e3 * charged_s / len(seen)),
        },
        _stopped("fixed dose", seed, by_dose, electrons)
        | {"frames": 0, "seen_last_frame": 0.0, "truth_last_frame": significant(by_dose)}
        | {"latency_ms": 0.0},
    ]


def _stopped(way: str, seed: int, amorphous: float, electrons: float) -> Row:
    return {
        "way": way,
        "seed": seed,
        "amorphous": significant(amorphous),
        "off_target": significant(amorphous - TARGET),
        "off_target_abs": significant(abs(amorphous - TARGET)),
        "electrons": significant(electrons),
    }


def _microscope(specimen: str, seed: int, *, front_lead_m: float = 0.0) -> Microscope:
    return Microscope(
        specimen_name=specimen,
        seed=seed,
        optics=Optics(shape=SMALL),
        fov_m=FOV_M,
        front_lead_m=front_lead_m,
    )


def _front_angle(seed: int) -> float:
    front = _microscope("film", seed).specimen.front
    return front.angle_rad if front is not None else 0.0
