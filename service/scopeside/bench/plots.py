"""Plots of a report: latency against offered rate, percentiles, timeline, and where it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scopeside.bench.histogram import Durations
from scopeside.bench.ledger import DELIVERY, HANDOVER, LATENESS, RESPONSE, WAITING
from scopeside.view.plots import MEASURED, QUIET, TRUE, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Report = Mapping[str, Any]

NINES = (50.0, 75.0, 90.0, 95.0, 99.0, 99.9)
SHADES = ("#22577a", "#38a3a5", "#57a773", "#b08968", "#9d4edd", "#c77dff", "#6c757d")
"""One for each repeat, over and over."""


def rates_plot(report: Report) -> Figure:
    """Response against offered rate (p50, p99), the target, and the share that was lost."""
    figure = new_figure(9.0, 5.2)
    latency, lost = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    for number, repeat in enumerate(report["repeats"]):
        steps = [step for step in repeat["sweep"] if step["results"]]
        rates_hz = [step["rate_hz"] for step in steps]
        shade = SHADES[number % len(SHADES)]
        for key, style in (("p50_s", "o-"), ("p99_s", "^--")):
            values_ms = [1e3 * step["latency"][RESPONSE][key] for step in steps]
            label = f"run {number + 1}, {key[:3]}"
            latency.plot(rates_hz, values_ms, style, color=shade, ms=4, lw=1.2, label=label)
        shares = [100.0 * step["lost"] / step["offered"] for step in repeat["sweep"]]
        lost.plot([step["rate_hz"] for step in repeat["sweep"]], shares, "o", color=shade, ms=4)
    target_ms = 1e3 * report["plan"]["target_s"]
    latency.axhline(target_ms, color=MEASURED, lw=1.2, label=f"target {target_ms:g} ms")
    best_hz = report["summary"]["best_hz"]["median"]
    if best_hz:
        for panel in (latency, lost):
            panel.axvline(best_hz, color=QUIET, lw=1.2, ls=":")
    latency.set_yscale("log")
    latency.set_ylabel("response [ms]")
    latency.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8, frameon=False)
    lost.set_ylabel("lost [%]")
    lost.set_xlabel("offered rate [frames/s]")
    lost.set_ylim(-2, max(5.0, 1.1 * lost.get_ylim()[1]))
    tidy(latency, lost)
    return figure


def percentiles_plot(report: Report) -> Figure:
    """Response against percentile, in nines, at the steady load."""
    figure = new_figure(9.0, 4.2)
    axes = figure.subplots()
    for number, step in enumerate(_steady(report)):
        spent = Durations.decoded(step["latency"][RESPONSE]["hdr"])
        _percentile_curve(
            axes, spent, color=SHADES[number % len(SHADES)], label=f"run {number + 1}"
        )
    whole = report["summary"]["steady"]["all"][RESPONSE]["hdr"]
    _percentile_curve(axes, Durations.decoded(whole), color=MEASURED, label="all runs", lw=2.0)
    axes.set_xscale("log")
    frames = Durations.decoded(whole).count
    shown = [percent for percent in NINES if 1.0 / (1.0 - percent / 100.0) <= frames]
    axes.set_xticks([1.0 / (1.0 - percent / 100.0) for percent in shown])
    axes.set_xticklabels([f"{percent:g}" for percent in shown])
    axes.minorticks_off()
    axes.set_xlabel("percentile [%]")
    axes.set_ylabel("response [ms]")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left", fontsize=8, frameon=False)
    tidy(axes)
    return figure


def _percentile_curve(axes: Axes, spent: Durations, **style: Any) -> None:
    # From all frames to the slowest one. Half a rank more, so that the last is the slowest itself.
    tails = np.geomspace(1.0, 1.0 / spent.count, 200)
    values_ms = [1e3 * spent.at(100.0 * (1.0 - tail + 0.5 / spent.count)) for tail in tails]
    axes.plot(1.0 / tails, values_ms, **({"lw": 1.2} | style))


def timeline_plot(report: Report) -> Figure:
    """Response of every frame at the steady load, over time."""
    steps = _steady(report)
    figure = new_figure(9.0, 1.2 + 1.4 * len(steps))
    panels = figure.subplots(len(steps), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for number, (axes, step) in enumerate(zip(panels, steps, strict=True)):
        due_s, spent_s = np.array(step["timeline"]).T
        axes.plot(due_s, 1e3 * spent_s, ".", color=SHADES[number % len(SHADES)], ms=4)
        axes.set_ylabel(f"run {number + 1} [ms]")
    # Only now: the panels share their limits, and a limit that is set stays.
    panels[0].set_ylim(bottom=0)
    panels[-1].set_xlabel("when the frame was due [s]")
    tidy(*panels)
    return figure


def waterfall_plot(report: Report) -> Figure:
    """Where a frame's response goes, in order: medians at the steady load, lines to p99."""
    steady = report["summary"]["steady"]
    latency, stages = steady["latency"], steady["stages"]
    parts = [(name, latency[name]) for name in (LATENESS, HANDOVER, WAITING)]
    parts += [(f"stage {name}", spent) for name, spent in stages.items()]
    parts.append((DELIVERY, latency[DELIVERY]))
    figure = new_figure(9.0, 0.9 + 0.3 * len(parts))
    axes = figure.subplots()
    begin_ms = 0.0
    for row, (name, spent) in enumerate(parts):
        p50_ms, p99_ms = (1e3 * spent[key]["median"] for key in ("p50_s", "p99_s"))
        shade = TRUE if name.startswith("stage ") else QUIET
        axes.barh(row, p50_ms, left=begin_ms, color=shade)
        axes.plot([begin_ms, begin_ms + p99_ms], [row, row], color=MEASURED, lw=0.8)
        axes.annotate(
            f"{p50_ms:.2f}",
            (begin_ms + max(p50_ms, p99_ms), row),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
        begin_ms += p50_ms
    axes.set_yticks(range(len(parts)), [name for name, _ in parts])
    axes.invert_yaxis()
    axes.margins(x=0.1)
    axes.set_xlabel("median, line to p99 [ms]")
    tidy(axes)
    return figure


def _steady(report: Report) -> Sequence[Mapping[str, Any]]:
    steps = [repeat["steady"] for repeat in report["repeats"]]
    return [step for step in steps if step is not None and step["results"]]
