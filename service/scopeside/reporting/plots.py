"""Plots of a run's measures against dose, time or frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from scopeside.reporting.story import Curve
from scopeside.view.plots import new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

PANEL_IN = 2.0
"""Height of a panel."""


def measures_plot(panels: Mapping[str, Sequence[Curve]], *, x_label: str) -> Figure:
    """One panel under the other, one measure each, with one legend for all of them."""
    figure = new_figure(9.0, 0.8 + PANEL_IN * len(panels))
    axes_of = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    named: dict[str, Line2D] = {}
    for axes, (label, curves) in zip(axes_of, panels.items(), strict=True):
        for curve in curves:
            color = tuple(part / 255 for part in curve.color)
            (line,) = axes.plot(
                list(curve.x), list(curve.y), "o-", color=color, ms=2.5, lw=1.2, label=curve.title
            )
            named.setdefault(curve.title, line)
        axes.set_ylabel(label)
    axes_of[-1].set_xlabel(x_label)
    figure.legend(
        list(named.values()), list(named), loc="outside right upper", frameon=False, fontsize=8
    )
    tidy(*axes_of)
    return figure
