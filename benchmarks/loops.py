"""What is a loop worth? The examples on the digital twin, beside what is done without one.

    .venv/bin/python benchmarks/loops.py [--seeds N] [--first SEED] [--only LOOP] [--calibrate]
                                         [--real-time]

The real service segments, in a process of its own; the twin is another one, stepped. The time from
a frame's being sent to the loop's next command is measured and charged to the twin's clock, beam
on: what the service takes is in every number. Simple ways to use the same microscope are run
beside each loop on the same specimens. With `--real-time` the twin's clock goes on by itself, as on
an instrument, so that nothing has to be charged; those figures are kept apart. With `--calibrate`
nothing is written: it says by how much the label maps of other specimens run behind at one half,
as `stop_in_time.py` knows beforehand.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from harness import Report, Row, quick_parser, say, significant
from loops_apparatus import Apparatus, apparatus
from loops_runs import follow_run, stop_run, survey_run

LOOPS: dict[str, Callable[[Apparatus, int], list[Row]]] = {
    "follow": follow_run,
    "survey": survey_run,
    "stop": stop_run,
}
QUESTIONS = {
    "follow": "What is a loop that follows a front worth, on the digital twin?",
    "survey": "What is a survey led by label maps worth, on the digital twin?",
    "stop": "What is a beam stopped by label maps worth, on the digital twin?",
}
HOW = (
    "The loop of examples/ on scopeside twin (stepped; the loop's own time and the service's are "
    "measured and charged to its clock, with the beam as the loop left it), segmented by scopeside "
    "serve with examples/twin.toml; the simple ways on the same specimens, with the same beam and "
    "stage and nothing charged."
)
HOW_LIVE = (
    "The loop of examples/ on scopeside twin --speed 1, whose clock goes on by itself, with the "
    "beam as the loop left it, segmented by scopeside serve with examples/twin.toml; asking for "
    "the truth takes time too. The simple ways on the same specimens, with the same beam and stage."
)
SIDES_PX = {"follow": 256, "survey": 256, "stop": 384}
CALIBRATION_SEEDS = range(1000, 1006)
TOLERANCE = 0.03


def main() -> int:
    parser = quick_parser(__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="specimens of each loop")
    parser.add_argument("--first", type=int, default=300, help="seed of the first specimen")
    parser.add_argument("--only", choices=tuple(LOOPS), help="one loop")
    parser.add_argument("--real-time", action="store_true")
    parser.add_argument("--calibrate", action="store_true")
    args = parser.parse_args()
    if args.calibrate:
        calibration(measured("stop", CALIBRATION_SEEDS, speed=None))
        return 0
    for name in [args.only] if args.only else list(LOOPS):
        live = args.real_time
        report = Report(
            name=f"loops_{name}_live" if live else f"loops_{name}",
            question=QUESTIONS[name].replace("?", ", in real time?") if live else QUESTIONS[name],
            how=HOW_LIVE if live else HOW,
        )
        seeds = range(args.first, args.first + args.seeds)
        rows = measured(name, seeds, speed=1.0 if live else None)
        report.table("Means over the specimens", summary(rows))
        report.table("By specimen", rows)
        of_loop = [row for row in rows if row["way"] == "loop"]
        AIMS[name](report, of_loop, ", in real time" if live else "")
        if args.seeds < 10:
            report.say_aims()  # too few to be kept
        else:
            report.write()
    return 0


def measured(name: str, seeds: Iterable[int], *, speed: float | None) -> list[Row]:
    """Run a loop and what it is compared with on each specimen."""
    with (
        tempfile.TemporaryDirectory() as folder,
        apparatus(Path(folder), side_px=SIDES_PX[name], speed=speed) as at,
    ):
        return [row for seed in seeds for row in told(LOOPS[name](at, seed))]


def told(rows: list[Row]) -> list[Row]:
    for row in rows:
        say(", ".join(f"{key} {value}" for key, value in row.items()))
    return rows


def summary(rows: Sequence[Row]) -> list[Row]:
    """The mean of every figure for each way."""
    ways = list(dict.fromkeys(row["way"] for row in rows))
    keys = [key for key in rows[0] if key not in ("way", "seed")]
    return [
        {"way": way, "specimens": sum(row["way"] == way for row in rows)}
        | {
            f"mean {key}": significant(
                float(np.mean([row[key] for row in rows if row["way"] == way]))
            )
            for key in keys
        }
        for way in ways
    ]


def follow_aims(report: Report, rows: Sequence[Row], how: str = "") -> None:
    share = float(np.mean([row["in_view"] for row in rows]))
    report.aim(f"Front kept in view, share of frames{how}", "at least", 0.95, "", share)


def survey_aims(report: Report, rows: Sequence[Row], how: str = "") -> None:
    reached = float(np.mean([row["kinds_reached"] == row["kinds"] for row in rows]))
    report.aim(f"Survey reaches every kind, share of specimens{how}", "at least", 1.0, "", reached)
    worst = max(row["dose_over_raster"] for row in rows)
    report.aim(f"Survey's dose over the raster's, worst specimen{how}", "at most", 0.25, "", worst)


def stop_aims(report: Report, rows: Sequence[Row], how: str = "") -> None:
    within = float(np.mean([abs(row["off_target"]) <= TOLERANCE for row in rows]))
    report.aim(
        f"Stopped within 3 percentage points of one half, share of specimens{how}",
        "at least",
        0.9,
        "",
        within,
    )


AIMS = {"follow": follow_aims, "survey": survey_aims, "stop": stop_aims}


def calibration(rows: Sequence[Row]) -> None:
    """Say by how much more was amorphous than the label map of the last frame showed."""
    behind = [
        row["truth_last_frame"] - row["seen_last_frame"] for row in rows if row["way"] == "loop"
    ]
    say(f"label maps ran behind by {np.mean(behind):.3f}, deviation {np.std(behind):.3f}")


if __name__ == "__main__":
    sys.exit(main())
