"""The service's own figures, for monitoring: what the control command `metrics` answers."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import psutil

from scopeside.channels import Channel, ChannelStatistics
from scopeside.published import Published
from scopeside.runtime.fault_log import FaultLog
from scopeside.runtime.stage_times import StageTimes
from scopeside.turns import Turns


class Measures:
    """Gathers figures where they arise; to ask for them costs a fraction of a millisecond.

    The publishing thread shows it every frame, the main thread says whose loops it watches, and
    the control thread asks.
    """

    def __init__(self, channels: Sequence[Channel[Any]], faults: FaultLog) -> None:
        self._channels = channels
        self._faults = faults
        self._times = StageTimes()
        self._turns: dict[str, Turns] = {}
        self._process = psutil.Process()

    def follow(self, **turns: Turns) -> None:
        """Watch these threads' loops, by name."""
        self._turns |= turns

    def hanging(self, stuck_s: float) -> list[str]:
        """Name the threads whose loop has not come round for longer than `stuck_s`."""
        return [name for name, turns in self._turns.copy().items() if turns.age_s > stuck_s]

    def observe(self, published: Published) -> None:
        """Count a frame whose result was sent."""
        self._times.add(published)

    def figures(self, *, percentiles: bool) -> dict[str, Any]:
        """Return everything, as msgpack takes it."""
        with self._process.oneshot():
            memory_bytes = self._process.memory_info().rss
            threads = self._process.num_threads()
        return {
            "times": self._times.figures(),
            **({"percentiles": self._times.percentiles()} if percentiles else {}),
            "queues": {one.name: _queue(one) for one in map(_statistics, self._channels)},
            "threads": {
                name: {"turns": turns.count, "age_s": turns.age_s}
                for name, turns in self._turns.copy().items()
            },
            "errors": dict(self._faults.errors()),
            "process": {
                "memory_bytes": int(memory_bytes),
                "cpu_s": time.process_time(),
                "threads": int(threads),
            },
        }


def _statistics(channel: Channel[Any]) -> ChannelStatistics:
    return channel.statistics()


def _queue(statistics: ChannelStatistics) -> Mapping[str, Any]:
    return {
        "policy": statistics.policy,
        "capacity": statistics.capacity,
        "waiting": statistics.waiting,
        "peak": statistics.peak,
        "put": statistics.put,
        "displaced": statistics.displaced,
    }
