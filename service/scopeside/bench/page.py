"""`report.html`: the report as one page that needs nothing but itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from scopeside.bench.plots import (
    as_svg,
    percentiles_plot,
    rates_plot,
    timeline_plot,
    waterfall_plot,
)
from scopeside.bench.table import Row, tables
from scopeside.errors import OutputError

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #212529; max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 0.15rem 0.8rem 0.15rem 0; border-bottom: 1px solid #e9ecef; }
th:first-child, td:first-child { text-align: left; white-space: pre; }
table.facts td { text-align: left; }
svg { max-width: 100%; height: auto; }
pre { font-size: 12px; background: #f8f9fa; padding: 0.8rem; overflow-x: auto; }
"""


def write_page(report: Mapping[str, Any], path: Path) -> None:
    """Write the page; OutputError where it cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page(report), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"The page {path} cannot be written: {error}.") from error


def page(report: Mapping[str, Any]) -> str:
    """Return the page: tables, plots as inline SVG, and the environment."""
    title = f"Scopeside bench: {report['load']['name']}, {report['date'][:10]}"
    return "\n".join(
        [
            "<!DOCTYPE html>",
            f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
            f"<style>{STYLE}</style></head><body><h1>{escape(title)}</h1>",
            *_plots(report),
            *(_section(heading, _table(rows)) for heading, rows in tables(report)),
            _section("Environment", _environment(report)),
            "</body></html>\n",
        ]
    )


def _plots(report: Mapping[str, Any]) -> Iterator[str]:
    yield _section("Response against offered rate", as_svg(rates_plot(report)))
    steady = report["summary"]["steady"]
    if steady is None:
        return
    at = f"at {steady['rate_hz']:g} frames/s"
    yield _section(f"Percentiles of the response {at}", as_svg(percentiles_plot(report)))
    yield _section(f"Response of every frame {at}", as_svg(timeline_plot(report)))
    yield _section(f"Where the time goes {at}", as_svg(waterfall_plot(report)))


def _section(heading: str, body: str) -> str:
    return f"<h2>{escape(heading)}</h2>\n{body}"


def _table(rows: list[Row]) -> str:
    header, *body = rows
    named = any(header)
    lines = ["<table>" if named else '<table class="facts">']
    if named:
        lines.append("<tr>" + "".join(f"<th>{escape(name)}</th>" for name in header) + "</tr>")
    lines += [
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in body
    ]
    return "\n".join([*lines, "</table>"])


def _environment(report: Mapping[str, Any]) -> str:
    made = report["environment"]
    config = made["config"]
    shown = {
        **{key: made[key] for key in ("machine", "versions", "provenance")},
        "config": {"hash": config["hash"], "set": config["sources"]},
        "plan": report["plan"],
    }
    return f"<pre>{escape(json.dumps(shown, indent=2, ensure_ascii=False))}</pre>"
