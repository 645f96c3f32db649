"""How much faster is the pipeline than the published method's loop written plainly?

    .venv/bin/python benchmarks/against_reference.py

What `scopeside bench --against reference` measures, at two sizes: the loop around one torch call
per chip and the pipeline segment the same frames, cut into the same chips, with the same weights,
by turns within one process. A loop with batches stands beside them. The pipeline runs twice: in the
precision in which it would be run, and in the loop's, in which the aims are judged.
"""

from __future__ import annotations

import os

import numpy as np

from harness import Report, Row, quick_parser, say, spread
from scopeside.bench.side_by_side import (
    BATCHED,
    CUTOFF,
    EQUAL,
    LOOP,
    SideBySide,
    ours,
    side_by_side,
)
from scopeside.cli import BLAS_PATIENCE
from scopeside.configuration import load_settings
from scopeside.testing.specimen import IrradiatedFilm

CASES = ((512, 3), (1024, 5))
"""Side in pixels, rounds."""
AIMS = {"chips": 8.0, "shared": 25.0}
"""Times as fast as the loop with one call a chip, by mode."""


def measure(side_px: int, rounds: int) -> SideBySide:
    """All methods on `rounds` frames of a simulated film, 64-px chips at stride 32."""
    film = IrradiatedFilm(shape=(side_px, side_px))
    doses = np.linspace(0.3, 0.7, rounds + 1) * film.dose_full_e_per_m2
    images = [film.expose(dose).counts_YX for dose in doses]
    configuration = load_settings(sets=[f"service.frame_shape=[{side_px}, {side_px}]"])
    return side_by_side(configuration, images, rounds=rounds)


def main() -> None:
    quick_parser(__doc__).parse_args()
    os.environ.setdefault(*BLAS_PATIENCE)  # for the process that measures
    report = Report(
        name="against_reference",
        question="How much faster is it than the published method's loop written plainly?",
        how=(
            "Same simulated frames, same 64-px chips at stride 32, same weights, by turns in one"
            " process. The loop: min-max contrast, ResNet50 in torch fp32 one chip at a time,"
            f" SciPy pdist, unweighted edges from {CUTOFF}, Louvain by NetworkX at resolution 1."
            " A ratio is the loop's whole time over ours in the same round. Aims are judged at the"
            f" loop's precision, {EQUAL}; the other rows are ours as it would be run."
        ),
    )
    times: list[Row] = []
    ratios: list[Row] = []
    for side_px, rounds in CASES:
        found = measure(side_px, rounds)
        for name, turns in found.spent.items():
            times.append(
                {"side_px": side_px, "chips": found.chips, "method": name}
                | {"total_s": spread(found.totals_s(name))}
                | {f"{part}_s": spread(t[part] for t in turns)["median"] for part in turns[0]}
            )
        for name in found.ours:
            row: Row = {"side_px": side_px, "method": name} | {
                f"over {loop}": spread(found.times_as_fast(name, loop)) for loop in (LOOP, BATCHED)
            }
            ratios.append(row)
            say(f"{side_px} px, {name}: {row[f'over {LOOP}']['median']:.1f} times as fast")
        for mode, least in AIMS.items():
            report.aim(
                f"speed over the reference loop at equal precision ({EQUAL}),"
                f" {side_px} x {side_px}, {mode} mode",
                "at least",
                least,
                "times",
                float(np.median(found.times_as_fast(ours(mode, EQUAL), LOOP))),
            )
    report.table("Seconds a frame", times)
    report.table("Times as fast", ratios)
    report.write()


if __name__ == "__main__":
    main()
