"""The page itself: facts, pictures, communities, fronts, latency and the books of every image."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape

from scopeside.latency import SERVICE, Percentiles
from scopeside.reporting.pictures import sheet
from scopeside.reporting.plots import measures_plot
from scopeside.reporting.story import Story
from scopeside.saving.reader import Run
from scopeside.view.page import document, picture, section, svg, table
from scopeside.view.plots import latency_plot

FRACTION, CONFIDENCE = "area fraction", "confidence"

FRONTS = {
    "position_px": "position [px]",
    "speed_px_per_frame": "speed [px/frame]",
    "roughness_px": "roughness [px]",
}
"""What is plotted of fronts, with its axis."""


def report(run: Run) -> str:
    """Return the page of a run; one with no frames yet has only its facts."""
    read = [Story(image=image, rows=list(image.rows())) for image in run.images]
    stories = [story for story in read if story.rows]
    several = len(stories) > 1
    parts = [section("Run", table(list(_run_facts(run, stories))))]
    for story in stories:
        name = f"{story.image.series} ({story.image.path.name}): " if several else ""
        parts += [section(name + heading, body) for heading, body in _sections(story)]
    return document(f"Scopeside run: {run.path.name}", parts)


def _run_facts(run: Run, stories: list[Story]) -> Iterator[tuple[str, ...]]:
    yield "", ""
    yield "saved by", f"{run.software}, from {run.source}"
    yield "frames", str(sum(image.length for image in run.images))
    if left_out := sum(len(image.lacking) for image in run.images):
        yield "frames left out, whose lines lack what every result says", str(left_out)
    yield "series", ", ".join(dict.fromkeys(story.image.series for story in stories)) or "none"
    yield "end", run.end
    if run.closed:
        yield "results not saved", str(run.not_saved)


def _sections(story: Story) -> Iterator[tuple[str, str]]:
    yield (
        "Frames and communities",
        picture(sheet(story, title=story.image.series), alt="frames beside their communities"),
    )
    yield "What it is", table(list(_facts(story)))
    fractions = {FRACTION: story.curves("fraction"), CONFIDENCE: story.curves("confidence")}
    label = story.axis.label
    yield "Communities", svg(measures_plot(fractions, x_label=label)) + _communities(story)
    measures = {_measure(name): story.curves(name) for name in _shown(story.measures)}
    if measures:
        yield "Descriptors", svg(measures_plot(measures, x_label=label))
    fronts = {axis: story.fronts(name) for name, axis in FRONTS.items()}
    fronts = {axis: curves for axis, curves in fronts.items() if curves}
    if fronts:
        yield "Fronts", svg(measures_plot(fronts, x_label=label))
    yield "Latency", _latency(story)
    yield "Books", table(list(_books(story)))
    yield "Provenance", _provenance(story)


UNITS = ("px", "m", "rad", "bits")
"""Units at the ends of measures' names."""


def _shown(measures: Sequence[str]) -> list[str]:
    """Leave out what is plotted elsewhere, and pixels where the same is known in metres."""
    known = set(measures)
    return [
        name
        for name in measures
        if name != CONFIDENCE and f"{name.removesuffix('_px')}_m" not in known - {name}
    ]


def _measure(name: str) -> str:
    stem, _, unit = name.rpartition("_")
    return f"{stem} [{unit}]".replace("_", " ") if unit in UNITS else name.replace("_", " ")


def _facts(story: Story) -> Iterator[tuple[str, ...]]:
    image, first, last = story.image, story.rows[0], story.rows[-1]
    seconds = (last["t_ns"] - first["t_ns"]) / 1e9
    began = datetime.fromtimestamp(first["t_ns"] / 1e9, UTC)
    yield "", ""
    yield "series", image.series
    yield "frames", f"{image.length}, numbered {first['frame']} to {last['frame']}"
    yield "shape", f"{image.shape[0]} x {image.shape[1]} px"
    if (size := first["pixel_size_m"]) is not None:
        yield "pixel", f"{size[0] * 1e9:.4g} x {size[1] * 1e9:.4g} nm"
    yield "began", f"{began:%Y-%m-%d %H:%M:%S} UTC"
    if seconds > 0:
        rate_hz = (last["index"] - first["index"]) / seconds
        yield "took", f"{seconds:.1f} s, {rate_hz:.3g} frames a second"
    if last["dose_e_per_m2"] is not None:
        yield "dose", f"{last['dose_e_per_m2']:.3g} e⁻/m² at the end"


def _communities(story: Story) -> str:
    rows: list[tuple[str, ...]] = [
        ("community", "id", "frames", "first", "last", "fraction at first", "at last", "confidence")
    ]
    for id_, title in story.titles.items():
        seen = [
            (row["frame"], one)
            for row in story.rows
            for one in row["communities"]
            if one["id"] == id_
        ]
        (first, began), (last, ended) = seen[0], seen[-1]
        mean = sum(one["confidence"] for _, one in seen) / len(seen)
        rows.append(
            (
                title,
                str(id_),
                str(len(seen)),
                str(first),
                str(last),
                f"{began['fraction']:.1%}",
                f"{ended['fraction']:.1%}",
                f"{mean:.2f}",
            )
        )
    return table(rows)


def _latency(story: Story) -> str:
    timings = [row["timing"] for row in story.rows]
    figure = latency_plot(
        [row["frame"] for row in story.rows],
        [one["service_s"] for one in timings],
        [one["end_to_end_s"] for one in timings],
        total=story.totals[SERVICE],
        stages=story.stages,
    )
    rows = [("ms", "p50", "p95", "p99", "most")]
    rows += [_spent(name, spent) for name, spent in story.totals.items()]
    rows += [_spent(f"  {name}", spent) for name, spent in story.stages.items()]
    return svg(figure) + table(rows)


def _spent(name: str, spent: Percentiles) -> tuple[str, str, str, str, str]:
    p50, p95, p99, most = (
        f"{1e3 * value:.2f}" for value in (spent.p50_s, spent.p95_s, spent.p99_s, spent.max_s)
    )
    return name, p50, p95, p99, most


def _books(story: Story) -> Iterator[tuple[str, ...]]:
    """The books of the series as the last saved result told them."""
    books = dict(story.rows[-1]["accounting"])
    dropped = books.pop("dropped")
    yield "", ""
    for name, count in books.items():
        yield name.replace("_", " "), str(count)
    for reason, count in dropped.items():
        yield f"dropped as {reason}", str(count)
    first, last = story.rows[0], story.rows[-1]
    segmented = last["accounting"]["segmented"] - first["accounting"]["segmented"]
    unsaved = segmented - (last["index"] - first["index"])
    yield "segmented between the first and the last, and not in this image", str(unsaved)


def _provenance(story: Story) -> str:
    text = json.dumps(list(story.image.provenance), indent=2, ensure_ascii=False)
    return f"<pre>{escape(text)}</pre>"
