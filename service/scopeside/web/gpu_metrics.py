"""The card's figures as Prometheus reads them: those of `status`, in base units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

_GAUGES = (
    ("use_percent", "scopeside_gpu_use_ratio", "Share of time in which a kernel ran.", 0.01),
    (
        "memory_use_percent",
        "scopeside_gpu_memory_use_ratio",
        "Share of time in which memory was read or written.",
        0.01,
    ),
    ("temperature_c", "scopeside_gpu_temperature_celsius", "Temperature of the card.", 1.0),
    ("power_w", "scopeside_gpu_power_watts", "Power that the card draws.", 1.0),
    ("sm_clock_hz", "scopeside_gpu_sm_clock_hertz", "Clock of the processors.", 1.0),
    ("memory_clock_hz", "scopeside_gpu_memory_clock_hertz", "Clock of the memory.", 1.0),
    (
        "tile_chips",
        "scopeside_gpu_tile_chips",
        "Chips embedded at once; halved where the card's memory ran out.",
        1.0,
    ),
)

_COUNTERS = (
    (
        "out_of_memory",
        "scopeside_gpu_out_of_memory_frames",
        "Frames lost because the card's memory ran out while they were computed.",
    ),
    (
        "repainted",
        "scopeside_gpu_repainted_frames",
        "Frames painted a second time, since their ids were not those that the card had guessed.",
    ),
)


def gpu_metrics(gpu: Mapping[str, Any]) -> Iterator[Metric]:
    """Yield what the card tells; what it does not tell is absent."""
    title = str(gpu.get("title", ""))
    for key, name, words, factor in _GAUGES:
        value = gpu.get(key)
        if value is not None:
            family = GaugeMetricFamily(name, words, labels=["gpu"])
            family.add_metric([title], factor * value)
            yield family
    for key, name, words in _COUNTERS:
        count = gpu.get(key)
        if count is not None:
            counter = CounterMetricFamily(name, words, labels=["gpu"])
            counter.add_metric([title], count)
            yield counter
    memory = gpu.get("memory_bytes")
    if memory is not None:
        family = GaugeMetricFamily(
            "scopeside_gpu_memory_bytes",
            "Memory of the card (total, free) and of the service's own pool on it.",
            labels=["gpu", "kind"],
        )
        for kind, value in memory.items():
            family.add_metric([title, kind], value)
        yield family
