"""What the demo leaves behind: pictures, plots, `report.json`, and a summary for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scopeside.demo.rehearsal import Outcome
from scopeside.errors import OutputError
from scopeside.film_evaluation import RunScore
from scopeside.latency import SERVICE, Percentiles
from scopeside.view.contact_sheet import LegendEntry, contact_sheet, save_contact_sheet
from scopeside.view.plots import Track, communities_plot, front_plot, latency_plot, save_plot

WHITE = (255, 255, 255)


def write_files(outcome: Outcome, out: Path, *, title: str) -> list[Path]:
    """Write every file that the run has data for and return their paths."""
    gathering = outcome.gathering
    score = gathering.film.run_score()
    written = []
    if gathering.tiles:
        written.append(out / "contact_sheet.png")
        _contact_sheet(outcome, score, written[-1], title=title)
    if score is not None:
        written.append(out / "front.png")
        save_plot(written[-1], front_plot(score.fronts, error_px=score.front_error_median_px))
    if gathering.figures:
        written.append(out / "communities.png")
        save_plot(written[-1], communities_plot(list(_tracks(outcome))))
        written.append(out / "latency.png")
        figures = gathering.figures
        figure = latency_plot(
            [one.frame for one in figures],
            [one.service_s for one in figures],
            [one.end_to_end_s for one in figures],
            total=gathering.latency.totals()[SERVICE],
            stages=gathering.latency.stages(),
        )
        save_plot(written[-1], figure)
    written.append(out / "report.json")
    try:
        text = json.dumps(report(outcome), indent=2, allow_nan=False)
        written[-1].write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"The report {written[-1]} cannot be written: {error}.") from error
    return written


def report(outcome: Outcome) -> dict[str, Any]:
    """Return everything that was measured, as `report.json` holds it; durations in seconds."""
    gathering = outcome.gathering
    score = gathering.film.run_score()
    last = gathering.last
    return {
        "source": outcome.source,
        "frames": {
            "sent": outcome.source["frames"],
            "received": outcome.accounting.received,
            "segmented": outcome.accounting.segmented,
            "dropped": dict(outcome.accounting.dropped),
            "duplicate": outcome.accounting.duplicate,
            "missing": outcome.accounting.missing,
        },
        "rate_hz": outcome.rate_hz,
        "latency": {
            "total": {name: asdict(spent) for name, spent in gathering.latency.totals().items()},
            "stages": {name: asdict(spent) for name, spent in gathering.latency.stages().items()},
        },
        "communities": {
            str(id_): {"name": title, "color": list(gathering.colors[id_])}
            for id_, title in sorted(gathering.titles.items())
        },
        "agreement": None if score is None else _agreement(score),
        "provenance": None if last is None else dict(last.provenance),
        "problems": outcome.problems(),
        "per_frame": list(_per_frame(outcome)),
    }


def summary(outcome: Outcome) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    """Yield tables of the summary: a heading, then rows of text, the first of each its name."""
    books = outcome.accounting
    dropped = ", ".join(f"{n} {reason}" for reason, n in sorted(books.dropped.items()) if n)
    yield (
        "Frames",
        [
            ("sent", str(outcome.source["frames"])),
            ("segmented", str(books.segmented)),
            ("dropped", dropped or "0"),
            ("duplicate", str(books.duplicate)),
            ("missing", str(books.missing)),
            ("rate", f"{outcome.rate_hz:.2f} frames/s"),
        ],
    )
    latency = outcome.gathering.latency
    rows = [("", "p50 ms", "p95 ms", "p99 ms")]
    rows += [_spent(name, spent) for name, spent in latency.totals().items()]
    rows += [_spent(f"  {name}", spent) for name, spent in latency.stages().items()]
    if len(rows) > 1:
        yield "Latency", list(rows)
    score = outcome.gathering.film.run_score()
    if score is not None:
        yield "Agreement with the simulated truth", list(_agreement_rows(score))


def _spent(name: str, spent: Percentiles) -> tuple[str, str, str, str]:
    p50, p95, p99 = (f"{1e3 * value:.1f}" for value in (spent.p50_s, spent.p95_s, spent.p99_s))
    return name, p50, p95, p99


def _agreement_rows(score: RunScore) -> Iterator[tuple[str, str]]:
    yield "adjusted Rand index", f"{score.ari:.3f}"
    yield "mean IoU frame by frame, many to one", f"{score.mean_iou:.3f}"
    yield "mean IoU frame by frame, one to one", f"{score.mean_iou_one_to_one:.3f}"
    yield "mean IoU of ids over the run", f"{score.mean_iou_of_ids:.3f}"
    yield "front error, median", f"{score.front_error_median_px:.1f} px"
    for name, share in score.id_constancy_by_class.items():
        yield f"id of {name} constant", f"{100 * share:.1f} % of frames"


def _agreement(score: RunScore) -> dict[str, Any]:
    fields = asdict(score)
    fields["class_of_id"] = {str(id_): name for id_, name in score.class_of_id.items()}
    return fields


def _per_frame(outcome: Outcome) -> Iterator[dict[str, Any]]:
    scores = {score.frame: score for score in outcome.gathering.film.scores}
    for one in outcome.gathering.figures:
        entry = asdict(one)
        for name in ("fractions", "descriptors"):
            entry[name] = {str(id_): value for id_, value in entry[name].items()}
        score = scores.get(one.frame)
        if score is not None:
            entry |= {
                "ari": score.ari,
                "mean_iou": score.mean_iou,
                "mean_iou_one_to_one": score.mean_iou_one_to_one,
            }
        yield entry


def _tracks(outcome: Outcome) -> Iterator[Track]:
    gathering = outcome.gathering
    figures = gathering.figures
    for id_, title in sorted(gathering.titles.items()):
        yield Track(
            title=title,
            color=gathering.colors[id_],
            frames=[one.frame for one in figures],
            fractions=[one.fractions.get(id_, 0.0) for one in figures],
        )


def _contact_sheet(outcome: Outcome, score: RunScore | None, path: Path, *, title: str) -> None:
    gathering = outcome.gathering
    classes: Mapping[int, str] = score.class_of_id if score is not None else {}
    shown = sorted({share.id for tile in gathering.tiles for share in tile.shares})
    legend = [
        LegendEntry(
            color=gathering.colors[id_],
            text=gathering.titles[id_] + (f": {classes[id_]}" if id_ in classes else ""),
        )
        for id_ in shown
    ]
    if score is not None:
        legend.append(LegendEntry(color=WHITE, text="true front"))
    sheet = contact_sheet(gathering.tiles, legend, title=title, subtitle=_subtitle(outcome, score))
    save_contact_sheet(path, sheet)


def _subtitle(outcome: Outcome, score: RunScore | None) -> str:
    last = outcome.gathering.last
    parts = []
    if last is not None:
        ny, nx = last.labels_YX.shape
        parts.append(f"{ny} x {nx} px, {last.grid.chip_px}-px chips every {last.grid.stride_px} px")
    parts.append(f"{outcome.rate_hz:.1f} frames/s")
    if score is not None:
        parts.append(f"mean IoU over the run {score.mean_iou_of_ids:.2f}")
        parts.append(f"front error {score.front_error_median_px:.1f} px")
    return "   ·   ".join(parts)
