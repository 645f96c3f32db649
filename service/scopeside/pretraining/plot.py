"""The plot of a training: losses of both modes, and the probe, over steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = {"chips": "#22577a", "shared": "#d1495b"}
SMOOTHED = 50
"""Steps of one mode that a point of the curve is the mean of."""


def training_plot(entries: Sequence[Mapping[str, Any]]) -> Figure:
    """Return losses (smoothed) above the probe of held-out frames."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 6.0), dpi=120, layout="constrained")
    losses, probes = figure.subplots(2, 1, sharex=True)
    for mode, colour in COLOURS.items():
        steps = np.array([e["step"] for e in entries if e.get("mode") == mode], float)
        values = np.array([e["loss"] for e in entries if e.get("mode") == mode], float)
        if len(steps):
            width = min(SMOOTHED, len(steps))
            window = np.full(width, 1.0 / width)
            losses.plot(
                np.convolve(steps, window, "valid"),
                np.convolve(values, window, "valid"),
                color=colour,
                label=f"{mode}",
            )
        at = [e["step"] for e in entries if f"probe_{mode}" in e]
        purity = [e[f"probe_{mode}"] for e in entries if f"probe_{mode}" in e]
        probes.plot(at, purity, "o-", color=colour, label=mode, markersize=4)
    losses.set_ylabel(f"error of cosines (mean of {SMOOTHED})")
    probes.set_ylabel("likeness to the own material")
    probes.set_xlabel("step")
    for axes in (losses, probes):
        axes.grid(alpha=0.3)
        if axes.lines:  # a training without a step has no losses
            axes.legend(loc="best")
    return figure
