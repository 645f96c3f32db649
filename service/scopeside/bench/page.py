"""`report.html`: the report as one page that needs nothing but itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from scopeside.bench.plots import percentiles_plot, rates_plot, timeline_plot, waterfall_plot
from scopeside.bench.table import tables
from scopeside.view import page as view_page
from scopeside.view.page import document, section, svg, table


def write_page(report: Mapping[str, Any], path: Path) -> None:
    """Write the page; OutputError where it cannot be."""
    view_page.write_page(page(report), path)


def page(report: Mapping[str, Any]) -> str:
    """Return the page: tables, plots as inline SVG, and the environment."""
    title = f"Scopeside bench: {report['load']['name']}, {report['date'][:10]}"
    return document(
        title,
        [
            *_plots(report),
            *(section(heading, table(rows)) for heading, rows in tables(report)),
            section("Environment", _environment(report)),
        ],
    )


def _plots(report: Mapping[str, Any]) -> Iterator[str]:
    yield section("Response against offered rate", svg(rates_plot(report)))
    steady = report["summary"]["steady"]
    if steady is None:
        return
    at = f"at {steady['rate_hz']:g} frames/s"
    yield section(f"Percentiles of the response {at}", svg(percentiles_plot(report)))
    yield section(f"Response of every frame {at}", svg(timeline_plot(report)))
    yield section(f"Where the time goes {at}", svg(waterfall_plot(report)))


def _environment(report: Mapping[str, Any]) -> str:
    made = report["environment"]
    config = made["config"]
    shown = {
        **{key: made[key] for key in ("machine", "versions", "provenance")},
        "config": {"hash": config["hash"], "set": config["sources"]},
        "plan": report["plan"],
    }
    return f"<pre>{escape(json.dumps(shown, indent=2, ensure_ascii=False))}</pre>"
