"""The service's figures as Prometheus reads them.

Names follow its conventions: base units, counters end in `_total`, histograms in `_seconds`.
Everything is counted by the service for every frame; a scrape only asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from scopeside.errors import DropReason
from scopeside.web.gpu_metrics import gpu_metrics

STATES = ("starting", "warming", "ready", "paused", "draining", "stopped")

ERRORS = (
    "handshake_failed",
    "connection_cut",
    "record_overload",
    "record_failed",
    "web_failed",
)
"""Codes of error events: there from the start, as reasons of drops are."""

Figures = Mapping[str, Any]


def exposition(figures: Figures | None, *, viewers: int, accept: str) -> tuple[bytes, str]:
    """Return the page that a scrape gets and its content type, in the format it asks for.

    Without figures (the service does not answer) `scopeside_up` is 0 and the rest is absent: a
    counter that went back to nothing would look like a restart.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(figures, viewers))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class _Figures(Collector):
    def __init__(self, figures: Figures | None, viewers: int) -> None:
        self._figures = figures
        self._viewers = viewers

    def collect(self) -> Iterator[Metric]:
        up = 0 if self._figures is None else 1
        yield GaugeMetricFamily("scopeside_up", "Whether the service answers.", value=up)
        yield GaugeMetricFamily(
            "scopeside_web_viewers", "Live pages that are open.", value=self._viewers
        )
        if self._figures is None:
            return
        yield from _service(self._figures)
        yield from _frames(self._figures["totals"])
        yield from _times(self._figures["times"])
        yield from _queues(self._figures["queues"])
        yield from _process(self._figures)
        if "recording" in self._figures:
            yield from _recording(self._figures["recording"])
        if "saving" in self._figures:
            yield from _saving(self._figures["saving"])
        if "gpu" in self._figures:
            yield from gpu_metrics(self._figures["gpu"])


def _service(figures: Figures) -> Iterator[Metric]:
    known = ("version", "device", "embedder", "weights", "clusterer")
    build = GaugeMetricFamily(
        "scopeside_build_info", "What runs, in labels; always 1.", labels=known
    )
    build.add_metric([str(figures.get(key, "")) for key in known], 1)
    yield build
    state = GaugeMetricFamily(
        "scopeside_state", "1 for the state that the service is in.", labels=["state"]
    )
    for name in STATES:
        state.add_metric([name], 1 if name == figures["state"] else 0)
    yield state
    yield GaugeMetricFamily(
        "scopeside_uptime_seconds", "Time since the service began.", value=figures["uptime_s"]
    )
    yield CounterMetricFamily(
        "scopeside_replans",
        "Frame shapes that something was compiled or allocated for.",
        value=figures.get("replans", 0),
    )
    errors = CounterMetricFamily(
        "scopeside_errors", "Faults that were no frame's own, by code.", labels=["code"]
    )
    for code, count in (dict.fromkeys(ERRORS, 0) | dict(figures["errors"])).items():
        errors.add_metric([code], count)
    yield errors
    alarms = CounterMetricFamily(
        "scopeside_alarms", "Alarms that a rule in force has raised.", labels=["rule"]
    )
    for rule, count in figures["alarms"].items():
        alarms.add_metric([rule], count)
    yield alarms


def _frames(totals: Figures) -> Iterator[Metric]:
    yield CounterMetricFamily(
        "scopeside_frames_received", "Frames received, good or bad.", value=totals["received"]
    )
    yield CounterMetricFamily(
        "scopeside_frames_segmented", "Frames whose result was sent.", value=totals["segmented"]
    )
    yield CounterMetricFamily(
        "scopeside_frames_duplicate", "Frames that came twice.", value=totals["duplicate"]
    )
    dropped = CounterMetricFamily(
        "scopeside_frames_dropped", "Frames dropped, by reason.", labels=["reason"]
    )
    for reason in DropReason:
        # All of them from the start: a counter that appears with its first drop hides that drop
        # from `rate`.
        dropped.add_metric([reason.value], totals["dropped"].get(reason.value, 0))
    yield dropped
    yield GaugeMetricFamily(
        "scopeside_frames_missing",
        "Frame numbers that never arrived; a late one is missing no longer.",
        value=totals["missing"],
    )
    yield GaugeMetricFamily(
        "scopeside_frames_in_flight",
        "Frames received and not yet segmented or dropped.",
        value=totals["in_flight"],
    )


def _times(times: Figures) -> Iterator[Metric]:
    bounds_s = times["bounds_s"]
    totals = {
        "service": ("scopeside_service_seconds", "Received to published."),
        "end_to_end": ("scopeside_end_to_end_seconds", "End of exposure to published."),
    }
    for name, (metric, words) in totals.items():
        if name in times["totals"]:
            family = HistogramMetricFamily(metric, words)
            _add(family, [], times["totals"][name], bounds_s)
            yield family
    stages = HistogramMetricFamily(
        "scopeside_stage_seconds", "Time in each stage of a frame's way.", labels=["stage"]
    )
    for stage, durations in times["stages"].items():
        _add(stages, [stage], durations, bounds_s)
    yield stages


def _add(
    family: HistogramMetricFamily, labels: list[str], durations: Figures, bounds_s: list[float]
) -> None:
    bounds = [*map(floatToGoString, bounds_s), "+Inf"]
    buckets = zip(bounds, accumulate(durations["counts"]), strict=True)
    family.add_metric(labels, buckets=list(buckets), sum_value=durations["sum_s"])


def _queues(queues: Figures) -> Iterator[Metric]:
    waiting = GaugeMetricFamily("scopeside_queue_frames", "Frames that wait.", labels=["queue"])
    capacity = GaugeMetricFamily("scopeside_queue_capacity", "Room for them.", labels=["queue"])
    displaced = CounterMetricFamily(
        "scopeside_queue_displaced", "Frames that a newer one took the place of.", labels=["queue"]
    )
    for name, queue in queues.items():
        waiting.add_metric([name], queue["waiting"])
        capacity.add_metric([name], queue["capacity"])
        displaced.add_metric([name], queue["displaced"])
    yield from (waiting, capacity, displaced)


def _process(figures: Figures) -> Iterator[Metric]:
    process = figures["process"]
    yield GaugeMetricFamily(
        "scopeside_resident_memory_bytes",
        "Memory of the service's process.",
        value=process["memory_bytes"],
    )
    yield CounterMetricFamily(
        "scopeside_cpu_seconds", "Processor time of the service.", value=process["cpu_s"]
    )
    yield GaugeMetricFamily(
        "scopeside_threads", "Threads of the service's process.", value=process["threads"]
    )
    ages = GaugeMetricFamily(
        "scopeside_thread_turn_age_seconds",
        "Time since the loop of a thread last came round.",
        labels=["thread"],
    )
    turns = CounterMetricFamily(
        "scopeside_thread_turns", "Times that the loop of a thread came round.", labels=["thread"]
    )
    for name, thread in figures["threads"].items():
        ages.add_metric([name], thread["age_s"])
        turns.add_metric([name], thread["turns"])
    yield from (ages, turns)


def _saving(saving: Figures) -> Iterator[Metric]:
    yield CounterMetricFamily("scopeside_saved_results", "Results saved.", value=saving["saved"])
    yield CounterMetricFamily(
        "scopeside_saving_dropped_results",
        "Results that the saved run had no room for.",
        value=saving["dropped"],
    )
    yield GaugeMetricFamily(
        "scopeside_saving_failed",
        "1 where the saved run ended by a fault.",
        value=0 if saving["error"] is None else 1,
    )


def _recording(recording: Figures) -> Iterator[Metric]:
    yield CounterMetricFamily(
        "scopeside_recorded_messages", "Messages recorded.", value=recording["recorded"]
    )
    yield CounterMetricFamily(
        "scopeside_recording_dropped_messages",
        "Messages that the recording had no room for.",
        value=recording["dropped"],
    )
    yield GaugeMetricFamily(
        "scopeside_recording_failed",
        "1 where the recording ended by a fault.",
        value=0 if recording["error"] is None else 1,
    )
