"""A comparison as tables for the terminal."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from scopeside.bench.compare import Change, Comparison
from scopeside.bench.table import Row, Table


def comparison_tables(comparison: Comparison) -> Iterator[Table]:
    """Yield a heading and rows of text, the first of which names the columns."""
    if comparison.differences:
        yield "What was not the same", [("", "A", "B"), *comparison.differences]
    heading = "figure", "A", "B", "B / A", "95 % interval", "p", ""
    yield "Figures that can fail a build", [heading, *_rows(comparison, gates=True)]
    rest = list(_rows(comparison, gates=False))
    if rest:
        yield "Where it comes from", [heading, *rest]


def _rows(comparison: Comparison, *, gates: bool) -> Iterator[Row]:
    for change in comparison.changes:
        if change.figure.gates is gates:
            yield _row(change)


def _row(change: Change) -> Row:
    figure, found = change.figure, change.ratio
    a, b = (
        f"{figure.scale * statistics.geometric_mean([max(v, figure.least) for v in values]):.4g}"
        f" {figure.unit}"
        for values in (figure.a, figure.b)
    )
    return (
        figure.name,
        a,
        b,
        f"{found.estimate:.3f}",
        f"{found.low:.3f} to {found.high:.3f}",
        f"{change.probability:.2g}",
        change.verdict,
    )
