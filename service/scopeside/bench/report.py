"""`report.json`: everything that was measured and on what, for people and for `compare`."""

from __future__ import annotations

import datetime
import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scopeside.bench import environment
from scopeside.bench.histogram import Durations
from scopeside.bench.ledger import RESPONSE
from scopeside.bench.run import Measured, Plan, Repeat
from scopeside.bench.step import Step
from scopeside.configuration import Configuration
from scopeside.errors import InputFileError, OutputError

FORMAT, VERSION = "scopeside-bench", 1

Report = dict[str, Any]


def report(
    measured: Measured,
    plan: Plan,
    configuration: Configuration,
    *,
    busy_before: float | None,
    took_s: float,
) -> Report:
    """Return the report; durations in seconds, rates in Hz, sizes in bytes."""
    result = measured.result
    return {
        "format": FORMAT,
        "v": VERSION,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "took_s": round(took_s, 1),
        "environment": {
            "machine": environment.machine() | {"busy_before": busy_before},
            "versions": environment.versions(),
            "config": {
                "hash": configuration.hash,
                "settings": configuration.settings.model_dump(mode="json"),
                "sources": {
                    key: source
                    for key, source in configuration.sources.items()
                    if source != "default"
                },
            },
            "provenance": None if result is None else dict(result.provenance),
        },
        "load": {
            "name": plan.load.name,
            "kind": plan.load.kind,
            "images": len(plan.load.images),
            "shape": list(plan.load.shape),
            "dtype": plan.load.dtype,
            "chips": None if result is None else result.grid.rows * result.grid.cols,
            "transport": plan.transport,
            "socket": plan.settings.ingest.socket,
            "policy": plan.settings.ingest.effective_policy,
        },
        "plan": plan.bench.model_dump(mode="json")
        | {"rates_hz": list(plan.rates_hz), "steady_hz": plan.steady_hz},
        "repeats": [_repeat(repeat) for repeat in measured.repeats],
        "summary": _summary(measured.repeats),
    }


def write_report(report: Report, path: Path) -> None:
    """Write the report as JSON; OutputError where it cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False)
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"The report {path} cannot be written: {error}.") from error


def read_report(path: Path) -> Report:
    """Read a report; InputFileError for what is none, or of another version."""
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputFileError(f"{path} cannot be read as a report: {error}.") from error
    if not isinstance(read, dict) or read.get("format") != FORMAT:
        raise InputFileError(f"{path} is no report of `scopeside bench`.")
    if read.get("v") != VERSION:
        raise InputFileError(
            f"{path} is a report of version {read.get('v')}; this program reads {VERSION}: "
            "measure anew."
        )
    return read


def spread(
    values: Sequence[float], *, median: Callable[[Sequence[float]], float] = statistics.median
) -> Report:
    """Median, least and most of the repeats, and each of them."""
    return {
        "median": median(values),
        "least": min(values),
        "most": max(values),
        "each": list(values),
    }


def _repeat(repeat: Repeat) -> Report:
    return {
        "start_s": repeat.start_s,
        "warmup_s": list(repeat.warmup_s),
        "best_hz": repeat.best_hz,
        "sweep": [_step(step, timeline=False) for step in repeat.sweep],
        "steady": None if repeat.steady is None else _step(repeat.steady, timeline=True),
    }


def _step(step: Step, *, timeline: bool) -> Report:
    fields: Report = {
        "rate_hz": step.rate_hz,
        "holds": step.holds,
        "queue_grows": step.queue_grows,
        "offered": step.offered,
        "results": step.results,
        "lost": step.lost,
        "unsent": step.unsent,
        "dropped": step.dropped,
        "missing": step.missing,
        "undelivered": step.undelivered,
        "seconds": step.seconds,
        "results_hz": step.results_hz,
        "usage": asdict(step.usage),
        "latency": _described(step.totals),
        "stages": _described(step.stages),
    }
    return fields | ({"timeline": step.timeline} if timeline else {})


def _described(durations: dict[str, Durations]) -> Report:
    return {name: asdict(one.summary()) | {"hdr": one.encoded()} for name, one in durations.items()}


def _summary(repeats: Sequence[Repeat]) -> Report:
    """The figures of the whole measurement; spreads are over repeats, each its own process."""
    best_hz = [repeat.best_hz or 0.0 for repeat in repeats]
    steady = [repeat.steady for repeat in repeats if repeat.steady is not None]
    answered = [step for step in steady if step.results]
    summary: Report = {
        # Of two rates that were offered neither was the one between them.
        "best_hz": spread(best_hz, median=statistics.median_low)
        | {"at_least": any(repeat.all_held for repeat in repeats)},
        "start_s": spread([repeat.start_s for repeat in repeats]),
        "alone_s": spread([repeat.warmup_s[-1] for repeat in repeats]),
        "steady": None,
    }
    if not answered:
        return summary

    def over(figure: Callable[[Step], float]) -> Report:
        return spread([figure(step) for step in answered])

    summary["steady"] = {
        "rate_hz": answered[0].rate_hz,
        "held": sum(step.holds for step in steady),
        "lost": sum(step.lost for step in steady),
        "offered": sum(step.offered for step in steady),
        "latency": _spreads([step.totals for step in answered]),
        "stages": _spreads([step.stages for step in answered]),
        "all": _described({RESPONSE: _together([step.totals[RESPONSE] for step in answered])}),
        "cores": over(lambda step: step.usage.cores),
        "other_cores": over(lambda step: step.usage.other_cores),
        "cpu_s_per_frame": over(lambda step: step.usage.cpu_s / step.results),
        "memory_bytes": over(lambda step: step.usage.memory_bytes),
    }
    return summary


def _spreads(several: Sequence[dict[str, Durations]]) -> Report:
    """By name: how p50 and p99 are spread over the repeats."""
    return {
        name: {
            "p50_s": spread([one[name].at(50.0) for one in several]),
            "p99_s": spread([one[name].at(99.0) for one in several]),
        }
        for name in several[0]
    }


def _together(several: Sequence[Durations]) -> Durations:
    whole = Durations()
    for one in several:
        whole.add_all(one)
    return whole
