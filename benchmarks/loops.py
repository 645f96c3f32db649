"""What is a loop worth? The examples on the digital twin, beside what is done without one.

    .venv/bin/python benchmarks/loops.py [--seeds N] [--first SEED] [--only LOOP] [--calibrate]

The real service segments, in a process of its own; the twin is another one, stepped. The time from
a frame's being sent to the loop's next command is measured and charged to the twin's clock, beam
on: what the service takes is in every number. Simple ways to use the same microscope are run
beside each loop on the same specimens. With `--calibrate` nothing is written: it says by how much
the label maps of other specimens run behind at one half, as `stop_in_time.py` knows beforehand.
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
SIDES_PX = {"follow": 256, "survey": 256, "stop": 384}
CALIBRATION_SEEDS = range(1000, 1006)
TOLERANCE = 0.03


def main() -> int:
    parser = quick_parser(__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="specimens of each loop")
    parser.add_argument("--first", type=int, default=300, help="seed of the first specimen")
    parser.add_argument("--only", choices=tuple(LOOPS), help="one loop")
    parser.add_argument("--calibrate", action="store_true")
    args = parser.parse_args()
    if args.calibrate:
        calibration(measured("stop", CALIBRATION_SEEDS))
        return 0
    for name in [args.only] if args.only else list(LOOPS):
        report = Report(name=f"loops_{name}", question=QUESTIONS[name], how=HOW)
        rows = measured(name, range(args.first, args.first + args.seeds))
        report.table("Means over the specimens", summary(rows))
        report.table("By specimen", rows)
        AIMS[name](report, [row for row in rows if row["way"] == "loop"])
        if args.seeds < 10:
            report.say_aims()  # too few to be kept
        else:
            report.write()
    return 0


def measured(name: str, seeds: Iterable[int]) -> list[Row]:
    """Run a loop and what it is compared with on each specimen."""
    with (
        tempfile.TemporaryDirectory() as folder,
        apparatus(Path(folder), side_px=SIDES_PX[name]) as at,
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


def follow_aims(report: Report, rows: Sequence[Row]) -> None:
    share = float(np.mean([row["in_view"] for row in rows]))
    report.aim("Front kept in view, share of frames", "at least", 0.95, "", share)


def survey_aims(report: Report, rows: Sequence[Row]) -> None:
    reached = float(np.mean([row["kinds_reached"] == row["kinds"] for row in rows]))
    report.aim("Survey reaches every kind, share of specimens", "at least", 1.0, "", reached)
    worst = max(row["dose_over_raster"] for row in rows)
    report.aim("Survey's dose over the raster's, worst specimen", "at most", 0.25, "", worst)


def stop_aims(report: Report, rows: Sequence[Row]) -> None:
    within = float(np.mean([abs(row["off_target"]) <= TOLERANCE for row in rows]))
    report.aim(
        "Stopped within 3 percentage points of one half, share of specimens",
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
