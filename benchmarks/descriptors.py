"""How right are the descriptors of order, and what do they cost beside the rest of a frame?

    .venv/bin/python benchmarks/descriptors.py [--films 3] [--frames 24]

Lattices, disorder and fronts are simulated, so their truth is known. Spectra are measured on frames
of one community that the stage is told; fronts on films that the whole pipeline segments. Costs are
of the stage within a frame, and of the stage alone on a frame of so many communities: the time that
passed, and the processor's, which other programs disturb less.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from descriptor_frames import CHIP_PX, SHAPE, STRIDE_PX, counted, lattice, mixed, strayed, told
from harness import Report, Row, in_fresh_process, quick_parser, say, significant, spread

SPACINGS_PX = (4.3, 5.5, 7.3, 9.0, 12.5, 16.0)
DOSES = (50, 100, 400, 1600)
ORIENTATIONS = 10
RESOLVED_PX = CHIP_PX / 5
"""Largest spacing that the aim is about: a chip holds five periods."""
SHARES = tuple(round(share, 3) for share in np.linspace(0.0, 1.0, 9))
STRAYS = (0.0, 0.04, 0.08, 0.12, 0.16, 0.20, 0.24, 0.28)
FILM_SEEDS = (40, 41, 42, 43, 44, 45)
"""Films that nothing was looked at on while the stage was made."""
FILM_PX = 512
SIDE_PX = 1024
COMMUNITIES = (1, 2, 4, 8, 16)
COST_MODES = ("shared", "chips")


def lattices() -> list[Row]:
    """Errors of spacing and orientation, over orientations."""
    rows = []
    for spacing_px in SPACINGS_PX:
        for dose in DOSES:
            spacing, turned, crystallinity = [], [], []
            for seed in range(ORIENTATIONS):
                fringes_YX, angle = lattice(spacing_px, seed)
                found, _ = told(counted(fringes_YX, dose, seed))
                crystallinity.append(found["crystallinity"])
                if found["spacing_px"] is not None:
                    spacing.append(abs(found["spacing_px"] / spacing_px - 1.0))
                if found["orientation_rad"] is not None:
                    away = abs(found["orientation_rad"] - angle) % math.pi
                    turned.append(math.degrees(min(away, math.pi - away)))
            rows.append(
                {
                    "spacing_px": spacing_px,
                    "dose, electrons a pixel": dose,
                    "found": f"{len(spacing)} of {ORIENTATIONS}",
                    "spacing error, median %": significant(100 * float(np.median(spacing))),
                    "spacing error, largest %": significant(100 * max(spacing)),
                    "directed": f"{len(turned)} of {ORIENTATIONS}",
                    "orientation error, largest degrees": significant(max(turned, default=np.nan)),
                    "crystallinity": significant(float(np.mean(crystallinity))),
                }
            )
    return rows


def orders(made: Callable[[float, int], Any], steps: tuple[float, ...], name: str) -> list[Row]:
    """Crystallinity at every step of a way from order to disorder, over seeds and doses."""
    rows: list[Row] = [{name: step} for step in steps]
    for dose in (100, 400, 1600):
        found_SR = np.array(
            [
                [
                    told(counted(made(step, seed), dose, seed))[0]["crystallinity"]
                    for seed in range(6)
                ]
                for step in steps
            ]
        )
        falls = bool((np.diff(found_SR, axis=0) < 0).all())
        for row, found_R in zip(rows, found_SR, strict=True):
            row[f"crystallinity at {dose} electrons"] = significant(float(found_R.mean()))
            row["falls with every step, in every film"] = falls and row.get(
                "falls with every step, in every film", True
            )
    return rows


def film(mode: str, seed: int, frames: int) -> Row:
    """Follow the front of one irradiated film with the whole pipeline; in a process of its own."""
    from scopeside.assembly import assemble, still_frame, warm_up
    from scopeside.configuration import load_settings
    from scopeside.testing.specimen import IrradiatedFilm

    configuration = load_settings(
        sets=[f"embed.mode={mode}", f"service.frame_shape=[{FILM_PX}, {FILM_PX}]"]
    )
    pipeline = assemble(configuration)
    warm_up(pipeline, configuration.settings)
    made = IrradiatedFilm(shape=(FILM_PX, FILM_PX), seed=seed)
    errors_px, speeds, rough, true_px = [], [], [], []
    progress = np.linspace(0.2, 0.8, frames)
    for number, dose in enumerate(progress * made.dose_full_e_per_m2):
        exposed = made.expose(dose, number=number)
        segmented = pipeline.segment(
            replace(
                still_frame(exposed.counts_YX, number=number, series="film"),
                t_ns=1 + number * 500_000_000,
            )
        )
        true_px.append(float(exposed.front_px_Y.mean()) - 0.5)
        if segmented.fronts:
            front = max(segmented.fronts, key=lambda one: one.length_px)
            normal_y, normal_x = front.normal
            expected_px = normal_x * true_px[-1] + normal_y * 0.5 * (FILM_PX - 1)
            errors_px.append(abs(front.position_px - expected_px))
            rough.append(front.roughness_px / float(exposed.front_px_Y.std()))
            if number >= 8 and front.speed_px_per_frame is not None:
                true_speed = (true_px[-1] - true_px[-8]) / 7
                speeds.append(abs(abs(front.speed_px_per_frame) / true_speed - 1.0))
    return {
        "mode": mode,
        "film": seed,
        "frames": frames,
        "with a front": len(errors_px),
        "position_median_px": significant(float(np.median(errors_px))),
        "position_largest_px": significant(max(errors_px)),
        "speed error, median %": significant(100 * float(np.median(speeds))),
        "speed error, largest %": significant(100 * max(speeds)),
        "roughness over the truth's, median": significant(float(np.median(rough))),
    }


def shares(mode: str) -> Row:
    """What share of a frame's time the stage takes; in a process of its own."""
    from scopeside.assembly import assemble, still_frame, warm_up
    from scopeside.configuration import load_settings
    from scopeside.testing.specimen import IrradiatedFilm

    configuration = load_settings(
        sets=[f"embed.mode={mode}", f"service.frame_shape=[{SIDE_PX}, {SIDE_PX}]"]
    )
    pipeline = assemble(configuration)
    warm_up(pipeline, configuration.settings)
    made = IrradiatedFilm(shape=(SIDE_PX, SIDE_PX), seed=FILM_SEEDS[0])
    stages = []
    for number, progress in enumerate(np.linspace(0.3, 0.7, 10)):
        counts_YX = made.expose(progress * made.dose_full_e_per_m2, number=number).counts_YX
        segmented = pipeline.segment(still_frame(counts_YX, number=number, series="cost"))
        if number >= 3:
            stages.append(segmented.stages_s)
    spent_ms = [1e3 * one["descriptors"] for one in stages]
    frame_ms = [1e3 * sum(one.values()) for one in stages]
    return {
        "mode": mode,
        "side_px": SIDE_PX,
        "communities": len(segmented.communities),
        "frame_ms": spread(frame_ms),
        "stage_ms": spread(spent_ms),
        "share of the frame, %": significant(
            100 * float(np.median(spent_ms) / np.median(frame_ms))
        ),
    }


def alone() -> list[Row]:
    """What the stage takes by itself on a frame of so many communities."""
    from scopeside.testing.lattice import grain_map

    image_YX = np.random.default_rng(0).poisson(400.0, (SIDE_PX, SIDE_PX)).astype(np.uint16)
    rows = []
    for communities in COMMUNITIES:
        cells = grain_map(
            (SIDE_PX, SIDE_PX), grains=communities, generator=np.random.default_rng(1)
        )
        labels_YX = cells.astype(np.uint16) + np.uint16(1)
        _, cost = told(image_YX, labels_YX, repeats=40)
        rows.append({"side_px": SIDE_PX, "communities": communities} | cost)
    return rows


PARTS: dict[str, Callable[[], list[Row]]] = {
    "lattices": lattices,
    "mixed": lambda: orders(mixed, SHARES, "amorphous share of the power"),
    "strayed": lambda: orders(strayed, STRAYS, "deviation of the points, spacings"),
    "alone": alone,
}


def main() -> None:
    parser = quick_parser(__doc__)
    parser.add_argument("--films", type=int, default=3, help="films whose front is followed")
    parser.add_argument("--frames", type=int, default=24, help="frames of each")
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--film", nargs=2, metavar=("MODE", "SEED"))
    parser.add_argument("--share", choices=COST_MODES)
    arguments = parser.parse_args()
    answer: Any = None
    if arguments.part:
        answer = PARTS[arguments.part]()
    elif arguments.film:
        answer = film(arguments.film[0], int(arguments.film[1]), arguments.frames)
    elif arguments.share:
        answer = shares(arguments.share)
    if answer is not None:
        json.dump(answer, sys.stdout)
        print()
        return
    report = Report(
        name="descriptors",
        question="How right are the descriptors of order, and what do they cost?",
        how=(
            f"Lattices of {SHAPE[0]} x {SHAPE[1]} px, 64-px chips at stride 32, contrast 0.16,"
            f" {ORIENTATIONS} orientations each. From order to disorder by two ways: a lattice of"
            " 7.3 px that gives way to amorphous speckle, and a hexagonal one whose points stray;"
            " 6 films at three doses, and every film must fall at every step. Fronts on films of"
            f" {FILM_PX} x {FILM_PX} that the whole pipeline segments, while both phases are wider"
            " than a chip: position and speed against the mean of the true front. Cost within a"
            " frame and of the stage alone."
        ),
    )
    found = {part: in_fresh_process(__file__, "--part", part) for part in PARTS}
    say("lattices, disorder and the stage's own cost are measured")
    fronts = []
    for mode in ("shared", "chips"):
        for seed in FILM_SEEDS[: arguments.films]:
            words = ("--film", mode, str(seed), "--frames", str(arguments.frames))
            fronts.append(in_fresh_process(__file__, *words))
            say(f"{mode}, film {seed}: largest error {fronts[-1]['position_largest_px']} px")
    costs = [in_fresh_process(__file__, "--share", mode) for mode in COST_MODES]
    report.table("Spacing and orientation of lattices", found["lattices"])
    report.table("Crystallinity of a lattice that turns amorphous", found["mixed"])
    report.table("Crystallinity of a lattice whose points stray", found["strayed"])
    report.table("Fronts of irradiated films", fronts)
    report.table("Cost within a frame", costs)
    report.table("Cost of the stage alone", found["alone"])
    aims(report, found, fronts)
    report.write()


def aims(report: Report, found: dict[str, list[Row]], fronts: list[Row]) -> None:
    """Compare with what is promised."""
    resolved = [row for row in found["lattices"] if row["spacing_px"] <= RESOLVED_PX]
    report.aim(
        "spacing error, largest of all lattices with five periods in a chip",
        "at most",
        3.0,
        "%",
        max(row["spacing error, largest %"] for row in resolved),
    )
    for part, way in (("mixed", "that turn amorphous"), ("strayed", "whose points stray")):
        falls = all(row["falls with every step, in every film"] for row in found[part])
        report.aim(
            f"crystallinity of lattices {way} falls with every step",
            "at least",
            1,
            "",
            float(falls),
        )
    for mode in ("shared", "chips"):
        worst_px = max(row["position_largest_px"] for row in fronts if row["mode"] == mode)
        report.aim(
            f"front position, worst frame, {mode} mode", "at most", STRIDE_PX / 2, "px", worst_px
        )
    eight = next(row for row in found["alone"] if row["communities"] == 8)
    report.aim(
        f"descriptors of 8 communities, {SIDE_PX} x {SIDE_PX}, processor time",
        "at most",
        5.0,
        "ms",
        eight["processor_ms"]["median"],
    )


if __name__ == "__main__":
    main()
