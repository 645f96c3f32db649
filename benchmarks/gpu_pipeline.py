"""How fast is a frame's whole way on this card, and does its label map agree with the CPU's?

    .venv/bin/python benchmarks/gpu_pipeline.py [--frames 300] [--repeats 100] [--rehearse]
                                                [--workload A ...] [--only frames ...]

Frames go one at a time for latencies, and as the service does it, two at a time, for the rate. Each
stage's time is by events of the card and the host's clock, as results say it. Beside that: the
network by every backend, a matrix product, and Louvain by every engine. Writes its result file, and
the measured rows of the table from which `communities.engine = auto` chooses.

The file is written anew after every row, and a row that fails says so and takes no other with it;
exit code 1 then. `--workload` and `--only` measure a part, into a file that is named after it: for
machines that end a command after some minutes.

`--rehearse` does all of it on the CPU in Triton's interpreter, on one tiny workload, and writes
into a folder that is deleted: it shows that this script works, and nothing else.
"""

from __future__ import annotations

import argparse
import datetime
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from gpu_aims import aims
from gpu_attempt import attempted
from gpu_crossovers import write_crossovers
from gpu_encoders import encoder_rows, product_rates
from gpu_engines import engine_rows
from gpu_frames import agreement, run_of
from gpu_kernels import card as card_row
from gpu_setup import ON_CARD, REHEARSAL, Scale, Workload, shorten_louvain
from harness import RESULTS, ROOT, Report, Row, quick_parser, say
from scopeside.ports import Segmenter

CROSSOVERS = ROOT / "service" / "scopeside" / "device" / "engines" / "crossovers.json"
NAME = "gpu_pipeline"
PARTS = ("encoders", "frames", "agreement", "engines")
TITLES = (
    *("The card", "A matrix product", "A frame", "Its stages", "The network", "Louvain"),
    "Label maps beside the CPU's",
)


@dataclass(frozen=True, kw_only=True)
class Kept:
    """The tables so far; each row that comes is written at once."""

    report: Report
    folder: Path
    tables: dict[str, list[Row]]

    def add(self, title: str, rows: Sequence[Row]) -> None:
        """Take rows into a table and write the file."""
        self.tables[title] += rows
        for row in rows:
            say(f"{row}")
        self.report.tables = [
            {"title": title, "rows": rows} for title, rows in self.tables.items() if rows
        ]
        self.report.write(self.folder)

    @property
    def failed(self) -> int:
        """How many rows failed."""
        return sum("failed" in row for rows in self.tables.values() for row in rows)


def measured(scale: Scale, folder: Path, crossovers: Path, parts: Sequence[str] = PARTS) -> int:
    """Measure the parts and write them; return how many rows failed."""
    kept = Kept(
        report=Report(
            name=result_name(scale, parts),
            question="How fast is a frame's whole way on this card, and does its label map agree?",
            how=(
                f"Simulated films, default settings, {scale.frames} frames a row, one at a time"
                " (from the received frame to its message, `until` where) and two at a time (frames"
                " per second, to encoded messages). Stages by events of the card and the host's"
                f" clock. Networks and matrix product by events, {scale.repeats} launches each,"
                " float32 without TF32 but where it is named; Louvain by the host's clock, as"
                " often. Frames are as the service runs them: in fp32 cuDNN may round to TF32."
            ),
        ),
        folder=folder,
        tables={title: [] for title in TITLES},
    )
    if not scale.rehearsal:
        kept.add("The card", [card_row()])
    rates: dict[str, float] = {}
    if "encoders" in parts:
        found, flaw = attempted(lambda: product_rates(scale))
        rates = found or {}
        products = [{"precision": name, "tflops": rate} for name, rate in rates.items()]
        kept.add("A matrix product", products or [flaw])
    for workload in scale.workloads:
        measure_workload(kept, scale, workload, parts, rates)
    if "engines" in parts:
        for rows in engine_rows(scale):
            kept.add("Louvain", rows)
        name = "a rehearsal" if scale.rehearsal else torch.cuda.get_device_name(scale.device)
        date = datetime.datetime.now(datetime.UTC).date().isoformat()
        write_crossovers(crossovers, name, kept.tables["Louvain"], date=date)
    if not scale.rehearsal:
        aims(kept.report, kept.tables)
        kept.report.write(folder)
    return kept.failed


def measure_workload(
    kept: Kept, scale: Scale, workload: Workload, parts: Sequence[str], rates: dict[str, float]
) -> None:
    """Measure what of the parts has to do with frames of one size."""
    if "encoders" in parts:
        kept.add("The network", encoder_rows(scale, workload, rates))
    there: Segmenter | None = None
    for backend in scale.pipelines if "frames" in parts else ():
        run, flaw = attempted(lambda backend=backend: run_of(scale, workload, backend))
        if run is None:
            kept.add("A frame", [{"workload": workload.name, "backend": backend} | flaw])
            continue
        kept.add("Its stages", run.stages)
        kept.add("A frame", [run.total])
        # Interpreting another plan takes long; a card makes one in a moment and needs the memory.
        there = run.pipeline if scale.rehearsal else None
    if "agreement" in parts:
        row, flaw = attempted(lambda: agreement(scale, workload, there))
        kept.add("Label maps beside the CPU's", [row or {"workload": workload.name} | flaw])


def result_name(scale: Scale, parts: Sequence[str]) -> str:
    """Return the result's name; of a part, with the workloads and parts that it has."""
    every = REHEARSAL if scale.rehearsal else ON_CARD
    words = [one.name for one in scale.workloads] if scale.workloads != every.workloads else []
    words += parts if set(parts) != set(PARTS) else []
    return "-".join([NAME, *words])


def main() -> int:
    parser = quick_parser(__doc__)
    parser.add_argument("--frames", type=int, default=ON_CARD.frames)
    parser.add_argument("--repeats", type=int, default=ON_CARD.repeats)
    names = [workload.name for workload in ON_CARD.workloads]
    parser.add_argument("--workload", nargs="+", choices=names, default=names)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--rehearse", action="store_true")
    arguments: argparse.Namespace = parser.parse_args()
    if arguments.rehearse:
        shorten_louvain()
        with tempfile.TemporaryDirectory() as name:
            table = Path(name) / "crossovers.json"
            table.write_bytes(CROSSOVERS.read_bytes())
            failed = measured(REHEARSAL, Path(name), table, arguments.only)
            say(f"rehearsed: {', '.join(sorted(path.name for path in Path(name).iterdir()))}")
        return 1 if failed else 0
    if not torch.cuda.is_available():
        say("no NVIDIA GPU here that torch can use; --rehearse tries this script without one")
        return 1
    scale = replace(
        ON_CARD,
        frames=arguments.frames,
        repeats=arguments.repeats,
        workloads=tuple(one for one in ON_CARD.workloads if one.name in arguments.workload),
    )
    return 1 if measured(scale, RESULTS, CROSSOVERS, arguments.only) else 0


if __name__ == "__main__":
    sys.exit(main())
