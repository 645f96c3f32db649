"""From measured engines to the committed table that `communities.engine = auto` chooses from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness import Row

GOOD = 0.99
"""Share of the best modularity that an engine must reach to be taken by `auto`."""


def steps(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return which engine `auto` is to take up to how many chips, of what was measured.

    Of those within 1 % of the best modularity that always gave one answer the fastest; cuGraph's
    answers may differ, and then it is left to those who ask for it by name. Where it alone is that
    good, the best of those that give one answer; a size at which none does has no step.
    """
    measured = [row for row in rows if row["engine"] and "p50_ms" in row]
    found: list[dict[str, Any]] = []
    for nodes in sorted({row["nodes"] for row in measured}):
        here = [row for row in measured if row["nodes"] == nodes]
        best = max(row["modularity"] for row in here)
        steady = [row for row in here if row["distinct"] == 1]
        if not steady:
            continue
        good = [row for row in steady if row["modularity"] >= GOOD * best]
        chosen = (
            min(good, key=lambda row: row["p50_ms"])
            if good
            else max(steady, key=lambda row: row["modularity"])
        )
        engine = chosen["engine"]
        if found and found[-1]["engine"] == engine:
            found[-1]["up_to_chips"] = nodes
        else:
            found.append({"up_to_chips": nodes, "engine": engine})
    if found:
        found[-1]["up_to_chips"] = None
    return found


def write_crossovers(path: Path, name: str, rows: Sequence[Row], *, date: str) -> None:
    """Put the measured steps of a card into the committed table, if there are any."""
    found = steps(rows)
    if not found:
        return
    table = json.loads(path.read_text("utf-8"))
    table["measured"] = True
    table["note"] = (
        "Rows of a card by name were measured there by `make bench-gpu`; those of `default` are a"
        " guess for all others."
    )
    table["cards"][name] = found
    table.setdefault("dates", {})[name] = date
    path.write_text(json.dumps(table, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
