"""What a card should reach, and what of that was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness import Report, Row

PRECISION = "fp16"
"""Of the network whose rate is compared with the product's: the one that serves."""


def aims(report: Report, tables: Mapping[str, Sequence[Row]]) -> None:
    """State every aim of which something was measured, by the fastest backend that there is."""
    best = _fastest(tables["A frame"])
    if "A" in best:
        what = f"A, received to {best['A']['until']}"
        report.aim(f"{what}, p50", "at most", 5.0, "ms", best["A"]["p50_ms"])
        report.aim(f"{what}, p99", "at most", 8.0, "ms", best["A"]["p99_ms"])
        report.aim("A, two at a time", "at least", 300.0, "frames/s", best["A"]["frames_per_s"])
    if "C" in best:
        report.aim("C, two at a time", "at least", 25.0, "frames/s", best["C"]["frames_per_s"])
    for name, limit_ms in (("A", 2.0), ("C", 4.0)):
        if name in best:
            rest_ms = sum(
                row["p50_ms"]
                for row in tables["Its stages"]
                if (row["workload"], row["backend"]) == (name, best[name]["backend"])
                and row["stage"] != "embed"
            )
            what = f"{name}, all but the network, p50s added"
            report.aim(what, "at most", limit_ms, "ms", rest_ms)
    shares = [
        row["share_of_product"]
        for row in tables["The network"]
        if "share_of_product" in row and row["backend"].split()[1] == PRECISION
    ]
    if shares:
        what = f"Network over matrix product, both {PRECISION}, best"
        report.aim(what, "at least", 0.4, "", max(shares))
    for row in tables["Label maps beside the CPU's"]:
        if "ari" in row:
            what = f"Label maps of CPU and GPU, {row['workload']}, ARI"
            report.aim(what, "at least", 0.98, "", row["ari"])


def _fastest(totals: Sequence[Row]) -> dict[str, Row]:
    """Return the fastest backend's row of every workload."""
    best: dict[str, Row] = {}
    for row in totals:
        name = row["workload"]
        if "p50_ms" in row and (name not in best or row["p50_ms"] < best[name]["p50_ms"]):
            best[name] = row
    return best
