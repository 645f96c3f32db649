"""How fast may frames come, and how long does each take in the running service?

    .venv/bin/python benchmarks/service_load.py [--preset bench-cpu]

Runs `scopeside bench` with a preset and writes its report as tables.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from harness import Report, Row, quick_parser, significant
from scopeside.bench.report import Report as Measurement
from scopeside.bench.report import read_report
from scopeside.bench.table import why_not

LEAST_HZ = 8.0
"""The aim for 512 x 512 in shared mode, on two cores."""


def measured(preset: str) -> Measurement:
    """Run the command to its end, its progress on our output, and return its report."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["bench", "--config", preset, "--out", folder]
        subprocess.run([sys.executable, "-P", "-m", "scopeside", *words], check=True)
        return read_report(Path(folder) / "report.json")


def of_runs(value: Measurement, scale: float) -> Row:
    """A spread over runs, as the pages show one: of so few, least and most stand in brackets."""
    median, least, most = (
        significant(scale * value[key], 4) for key in ("median", "least", "most")
    )
    return {"median": median, "p20": least, "p80": most, "max": most, "n": len(value["each"])}


def rate_rows(found: Measurement) -> list[Row]:
    """Every rate that was offered, run by run."""
    rows = []
    for number, repeat in enumerate(found["repeats"], start=1):
        for step in repeat["sweep"]:
            spent = step["latency"].get("response", {})
            row: Row = {"run": number, "offered_hz": step["rate_hz"], "frames": step["offered"]}
            for key in ("p50", "p99", "max"):
                value_s = spent.get(f"{key}_s")
                row[f"response_{key}_ms"] = value_s and significant(1e3 * value_s)
            row["lost"] = step["lost"]
            row["why"] = why_not(step) or "-"
            row["cores"] = significant(step["usage"]["cores"])
            row["other_cores"] = significant(step["usage"]["other_cores"])
            row["holds"] = "yes" if step["holds"] else "no"
            rows.append(row)
    return rows


def steady_rows(steady: Measurement) -> list[Row]:
    """Response, its parts and the stages at the steady load."""
    named = dict(steady["latency"]) | {
        f"stage {name}": spent for name, spent in steady["stages"].items()
    }
    return [
        {
            "part": name,
            "p50_ms": of_runs(spent["p50_s"], 1e3),
            "p99_ms": of_runs(spent["p99_s"], 1e3),
        }
        for name, spent in named.items()
    ]


def main() -> None:
    parser = quick_parser(__doc__)
    parser.add_argument("--preset", default="bench-cpu")
    arguments = parser.parse_args()
    report = Report(
        name="service_load",
        question="How fast may frames come, and how long does each take in the running service?",
        how=(
            f"`scopeside bench --config {arguments.preset}`: the real service process, frames sent"
            " at times fixed beforehand, every duration from when the frame was due. A rate holds"
            " when nothing is lost and p99 is within the target. Each run is a service started"
            " anew; brackets are the least and the most of the runs. docs/bench.md says what each"
            " figure means."
        ),
    )
    found = measured(arguments.preset)
    load, steady, best = found["load"], found["summary"]["steady"], found["summary"]["best_hz"]
    ny, nx = load["shape"]
    target_ms = 1e3 * found["plan"]["target_s"]
    report.notes.append(
        f"Frames: {load['name']}, {load['kind']}, {ny} x {nx} {load['dtype']},"
        f" {load['chips']} chips; {load['socket']}, {load['policy']}, over {load['transport']}."
    )
    report.table(f"Offered rates, target {target_ms:g} ms", rate_rows(found))
    if steady is not None:
        report.table(
            f"At {steady['rate_hz']:g} frames/s, from when it was due", steady_rows(steady)
        )
        usage: Row = {
            "cores": of_runs(steady["cores"], 1.0),
            "other_cores": of_runs(steady["other_cores"], 1.0),
            "cpu_per_frame_ms": of_runs(steady["cpu_s_per_frame"], 1e3),
            "memory_mib": of_runs(steady["memory_bytes"], 2.0**-20),
            "lost": steady["lost"],
        }
        report.table("What it takes there", [usage])
    report.aim(
        f"highest rate that the service holds, {ny} x {nx}, shared mode, p99 within"
        f" {target_ms:g} ms from the scheduled time",
        "at least",
        LEAST_HZ,
        "frames/s",
        best["median"],
    )
    report.write()


if __name__ == "__main__":
    main()
