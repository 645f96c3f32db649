"""What every stage of the pipeline costs, frame by frame.

    .venv/bin/python benchmarks/stages.py

The pipeline alone, without sockets, on frames of a simulated irradiation run: chips and shared
mode, 512 and 1024 pixels square, 64-px chips at stride 32. One fresh process for each.
"""

from __future__ import annotations

import json
import resource
import sys
import time

import numpy as np

from harness import Report, Row, in_fresh_process, quick_parser, say, significant, spread

GRAPH_TO_LABELS = ("graph", "communities", "identity", "labelmap")
LEARNING_FRAMES = 3
"""Frames after the first that are not counted: the caches and branch predictors settle."""
CASES = (("chips", 512, 16), ("shared", 512, 40), ("chips", 1024, 12), ("shared", 1024, 40))
"""Mode, side in pixels, frames."""


def measure(mode: str, side_px: int, frames: int) -> Row:
    """Segment a run and return the times of its stages; meant for a process of its own."""
    from scopeside.assembly import assemble, still_frame, warm_up
    from scopeside.configuration import load_settings
    from scopeside.testing.specimen import IrradiatedFilm

    film = IrradiatedFilm(shape=(side_px, side_px))
    doses = np.linspace(0.3, 0.7, frames) * film.dose_full_e_per_m2
    images = [film.expose(dose).counts_YX for dose in doses]
    before_mib = peak_mib()
    begun_s = time.perf_counter()
    configuration = load_settings(
        sets=[f"embed.mode={mode}", f"service.frame_shape=[{side_px}, {side_px}]"]
    )
    pipeline = assemble(configuration)
    warm_up(pipeline, configuration.settings)
    start_s = time.perf_counter() - begun_s
    stages: list[dict[str, float]] = []
    totals_s: list[float] = []
    for number, image_YX in enumerate(images):
        frame = still_frame(image_YX, number=number, series="stages")
        begun_s = time.perf_counter()
        segmentation = pipeline.segment(frame)
        totals_s.append(time.perf_counter() - begun_s)
        stages.append(dict(segmentation.stages_s))
    steady = slice(1 + LEARNING_FRAMES, None)
    return {
        "mode": mode,
        "side_px": side_px,
        "chips": segmentation.grid.chips,
        "embedder": segmentation.provenance.embedder,
        "start_s": start_s,
        "first_ms": 1e3 * totals_s[0],
        "first_communities_ms": 1e3 * stages[0]["communities"],
        "total_ms": [1e3 * seconds for seconds in totals_s[steady]],
        "stages_ms": {name: [1e3 * one[name] for one in stages[steady]] for name in stages[0]},
        "peak_mib": peak_mib(),
        "frames_mib": before_mib,
    }


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def summed(case: Row, names: tuple[str, ...]) -> list[float]:
    return [sum(parts) for parts in zip(*(case["stages_ms"][name] for name in names), strict=True)]


def main() -> None:
    parser = quick_parser(__doc__)
    parser.add_argument("--one", nargs=3, metavar=("MODE", "SIDE_PX", "FRAMES"))
    arguments = parser.parse_args()
    if arguments.one:
        mode, side_px, frames = arguments.one
        json.dump(measure(mode, int(side_px), int(frames)), sys.stdout)
        print()
        return
    report = Report(
        name="stages",
        question="What does every stage of the pipeline cost?",
        how=(
            "The pipeline without sockets on a simulated irradiation run (dose 30 to 70 % of"
            " full), 64-px chips at stride 32, one fresh process for each mode and size. The"
            f" first frame of the series and {LEARNING_FRAMES} after it are not in the medians."
        ),
    )
    cases = []
    for mode, side_px, frames in CASES:
        case = in_fresh_process(__file__, "--one", mode, str(side_px), str(frames))
        cases.append(case)
        say(f"{mode} {side_px}: {1e3 / np.median(case['total_ms']):.2f} frames/s")
    report.table("Whole frames", [overview(case) for case in cases])
    names = list(cases[0]["stages_ms"])
    report.table(
        "Stages, ms",
        [
            {"stage": name}
            | {f"{c['mode']} {c['side_px']}": spread(c["stages_ms"][name]) for c in cases}
            for name in names
        ],
    )
    large = cases[3]
    together, with_regions = (
        spread(summed(large, chosen)) for chosen in (GRAPH_TO_LABELS, (*GRAPH_TO_LABELS, "regions"))
    )
    report.table(
        "After embedding, 1024 px",
        [
            {"stages": " + ".join(GRAPH_TO_LABELS), "ms": together},
            {"stages": " + ".join((*GRAPH_TO_LABELS, "regions")), "ms": with_regions},
        ],
    )
    for case, limit in zip(cases[:2], (2.0, 8.0), strict=True):
        rate = 1e3 / float(np.median(case["total_ms"]))
        report.aim(f"512 x 512, {case['mode']} mode", "at least", limit, "frames/s", rate)
    report.aim(
        "graph + communities + identity + label map, 1024 x 1024",
        "at most",
        40.0,
        "ms",
        together["median"],
    )
    report.aim(
        "label map, 1024 x 1024",
        "at most",
        8.0,
        "ms",
        float(np.median(large["stages_ms"]["labelmap"])),
    )
    report.write()


def overview(case: Row) -> Row:
    return {
        "mode": case["mode"],
        "side_px": case["side_px"],
        "chips": case["chips"],
        "embedder": case["embedder"],
        "start_s": significant(case["start_s"]),
        "first_frame_ms": significant(case["first_ms"]),
        "frame_ms": spread(case["total_ms"]),
        "frames_per_s": significant(1e3 / float(np.median(case["total_ms"]))),
        "peak_memory_mib": round(case["peak_mib"]),
        "of_it_frames_mib": round(case["frames_mib"]),
    }


if __name__ == "__main__":
    main()
