"""Where does the processor time of a frame go, on the CPU path?

    .venv/bin/python benchmarks/cpu_profile.py [--frames 30]

A profile of whole frames at 512 x 512 in both modes, by processor time of all threads: what is
spent waiting in a loop counts, what another program takes does not. Not part of `make bench`.
"""

from __future__ import annotations

import cProfile
import json
import pstats
import time
from pathlib import Path
from typing import Any

import numpy as np

from harness import Report, Row, in_fresh_process, quick_parser, say, significant
from scopeside.assembly import assemble, still_frame, warm_up
from scopeside.configuration import load_settings
from scopeside.testing.specimen import IrradiatedFilm

SIDE_PX = 512
DIFFERENT, WARMUP = 6, 3
SHOWN = 12


def profiled(mode: str, frames: int) -> dict[str, Any]:
    """Milliseconds a frame, by function itself, largest first; and of all together."""
    film = IrradiatedFilm(shape=(SIDE_PX, SIDE_PX))
    doses = np.linspace(0.3, 0.7, DIFFERENT) * film.dose_full_e_per_m2
    images = [film.expose(dose).counts_YX for dose in doses]
    configuration = load_settings(
        sets=[f"embed.mode={mode}", f"service.frame_shape=[{SIDE_PX}, {SIDE_PX}]"]
    )
    pipeline = assemble(configuration)
    warm_up(pipeline, configuration.settings)
    profile = cProfile.Profile(time.process_time)
    wall_s: list[float] = []
    for number in range(WARMUP + frames):
        frame = still_frame(images[number % DIFFERENT], number=number, series="profile")
        begun_s = time.perf_counter()
        if number < WARMUP:
            pipeline.segment(frame)
            continue
        profile.runcall(pipeline.segment, frame)
        wall_s.append(time.perf_counter() - begun_s)
    found = pstats.Stats(profile).get_stats_profile()
    rows = sorted(
        (1e3 * one.tottime / frames, _named(one.file_name, name))
        for name, one in found.func_profiles.items()
    )
    total_ms = 1e3 * found.total_tt / frames
    return {
        "rows": rows[: -SHOWN - 1 : -1],
        "total_ms": total_ms,
        "wall_ms": 1e3 * float(np.median(wall_s)),
    }


def _named(file: str, name: str) -> str:
    return name if file == "~" else f"{Path(file).stem}.{name}"


def main() -> None:
    parser = quick_parser(__doc__)
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--mode", choices=("chips", "shared"), help="one alone; prints JSON")
    arguments = parser.parse_args()
    if arguments.mode:
        print(json.dumps(profiled(arguments.mode, arguments.frames)))
        return
    report = Report(
        name="cpu_profile",
        question="Where does the processor time of a frame go, on the CPU path?",
        how=(
            f"Whole frames of the simulated film, {SIDE_PX} x {SIDE_PX}, 225 chips of 64 px, by"
            " Python's profiler with the process's processor time, all threads together, in a fresh"
            " process each. The profiler's own cost is in the figures of small functions."
        ),
    )
    for mode in ("shared", "chips"):
        found = in_fresh_process(__file__, "--mode", mode, "--frames", str(arguments.frames))
        total_ms = found["total_ms"]
        rows: list[Row] = [
            {
                "function": function,
                "cpu_ms": significant(cpu_ms),
                "share": significant(cpu_ms / total_ms, 2),
            }
            for cpu_ms, function in found["rows"]
        ]
        say(f"{mode}: {total_ms:.0f} ms of processors a frame, {found['wall_ms']:.0f} ms of time")
        report.table(f"{mode}, {total_ms:.3g} ms a frame", rows)
    report.write()


if __name__ == "__main__":
    main()
