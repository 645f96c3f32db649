"""Plots of a run: the front against dose beside the truth, communities over time, latency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scopeside.errors import OutputError
from scopeside.film_evaluation import FrontScore
from scopeside.latency import Percentiles
from scopeside.view.overlay import Color

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MEASURED, TRUE, QUIET = "#d1495b", "#22577a", "#adb5bd"
DPI = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One community through the run; `fractions` is 0 in frames without it."""

    title: str
    color: Color
    frames: Sequence[int]
    fractions: Sequence[float]


def front_plot(fronts: Sequence[FrontScore], *, error_px: float) -> Figure:
    """Amorphous fraction and front position, measured and true, against dose (or frame)."""
    figure = new_figure(9.0, 6.4)
    fraction, front = figure.subplots(2, 1, sharex=True)
    doses = [score.dose_e_per_m2 for score in fronts]
    by_dose = all(dose is not None for dose in doses)
    x = [dose or 0.0 for dose in doses] if by_dose else [float(score.frame) for score in fronts]
    truth, measured = {"color": TRUE, "linewidth": 2.0}, {"color": MEASURED, "markersize": 4}
    fraction.plot(
        x, [score.amorphous_fraction_true for score in fronts], "-", label="truth", **truth
    )
    fraction.plot(
        x, [score.amorphous_fraction for score in fronts], "o", label="segmented", **measured
    )
    fraction.set_ylabel("amorphous fraction")
    fraction.set_ylim(-0.03, 1.03)
    fraction.legend(loc="upper left")
    front.plot(x, [score.front_px_true for score in fronts], "-", label="truth", **truth)
    front.plot(x, [score.front_px for score in fronts], "o", label="segmented", **measured)
    front.set_ylabel("front, median of rows [px]")
    front.set_xlabel("accumulated dose [e$^-$ m$^{-2}$]" if by_dose else "frame")
    front.text(
        0.99,
        0.05,
        f"median error {error_px:.1f} px",
        transform=front.transAxes,
        ha="right",
        color="#495057",
    )
    figure.suptitle("Amorphous front: segmented live, beside the simulated truth")
    tidy(fraction, front)
    return figure


def communities_plot(tracks: Sequence[Track]) -> Figure:
    """Area fraction of every community against frame number."""
    figure = new_figure(9.0, 4.2)
    axes = figure.subplots()
    for track in tracks:
        color = tuple(part / 255 for part in track.color)
        axes.plot(
            list(track.frames), list(track.fractions), "o-", color=color, ms=3, label=track.title
        )
    _whole_frames(axes)
    axes.set_ylabel("area fraction")
    axes.set_ylim(-0.03, 1.03)
    if tracks:
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    figure.suptitle("Communities through the run")
    tidy(axes)
    return figure


def latency_plot(
    frames: Sequence[int],
    service_s: Sequence[float],
    end_to_end_s: Sequence[float | None],
    *,
    total: Percentiles,
    stages: Mapping[str, Percentiles],
) -> Figure:
    """Latency of every frame, and where the time goes by stage (median, and 95 % as a line)."""
    figure = new_figure(11.0, 4.4)
    over_time, by_stage = figure.subplots(1, 2, width_ratios=(3, 2))
    if any(value is not None for value in end_to_end_s):
        known = [(f, s) for f, s in zip(frames, end_to_end_s, strict=True) if s is not None]
        over_time.plot(
            [frame for frame, _ in known],
            [1e3 * seconds for _, seconds in known],
            "-",
            color=QUIET,
            label="end of exposure to published",
        )
    over_time.plot(
        list(frames),
        [1e3 * seconds for seconds in service_s],
        "o",
        color=TRUE,
        ms=3.5,
        label="received to published",
    )
    for name, seconds, style in (
        ("p50", total.p50_s, "-"),
        ("p95", total.p95_s, "--"),
        ("p99", total.p99_s, ":"),
    ):
        over_time.axhline(
            1e3 * seconds, color=MEASURED, lw=1, ls=style, label=f"{name} {1e3 * seconds:.0f} ms"
        )
    _whole_frames(over_time)
    over_time.set_ylabel("latency [ms]")
    over_time.set_ylim(bottom=0)
    over_time.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3, fontsize=8, frameon=False
    )
    _stage_bars(by_stage, stages)
    figure.suptitle("Latency in total and per stage")
    tidy(over_time, by_stage)
    return figure


def _stage_bars(by_stage: Axes, stages: Mapping[str, Percentiles]) -> None:
    names = list(stages)
    p50_ms = [1e3 * stages[name].p50_s for name in names]
    rest_ms = [1e3 * (stages[name].p95_s - stages[name].p50_s) for name in names]
    by_stage.barh(names, p50_ms, xerr=[[0.0] * len(names), rest_ms], color=TRUE, ecolor=MEASURED)
    for index, name in enumerate(names):
        by_stage.annotate(
            f"{1e3 * stages[name].p50_s:.1f}",
            (p50_ms[index] + rest_ms[index], index),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    by_stage.margins(x=0.15)
    by_stage.invert_yaxis()
    by_stage.set_xlabel("median, line to p95 [ms]")


def save_plot(path: Path, figure: Figure) -> None:
    """Write the figure as PNG; OutputError where it cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=DPI)
    except OSError as error:
        raise OutputError(f"The plot {path} cannot be written: {error}.") from error


def new_figure(width_in: float, height_in: float) -> Figure:
    """Return an empty figure that needs no screen."""
    # Figure and canvas by hand: pyplot would choose a window system and keep global state.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _whole_frames(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("frame")


def tidy(*panels: Axes) -> None:
    """Give the panels the look that all plots here share."""
    for axes in panels:
        axes.grid(visible=True, color="#e9ecef", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
