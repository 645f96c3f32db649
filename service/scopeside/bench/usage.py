"""What the service's process takes of the machine: processor, memory, and the GPUs where any."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import psutil

EVERY_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuUsage:
    """One GPU over a step: mean share of time in which a kernel ran, and most memory in use.

    Both are the card's, of all programs on it: NVML gives no more without being the owner.
    """

    name: str
    busy: float
    memory_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Over one step: processor seconds of the service, the cores it kept busy, its memory."""

    cpu_s: float
    cores: float
    memory_bytes: int
    threads: int
    own_cores: float
    """Cores that the benchmark itself, sender and listener, kept busy."""
    other_cores: float
    """Cores that anybody else kept busy: above a few hundredths, figures are theirs too."""
    gpus: tuple[GpuUsage, ...] = ()


class GpuMeter(Protocol):
    """Reads every GPU: name, share of time busy, bytes in use."""

    def read(self) -> list[tuple[str, float, int]]: ...


class Nvml:
    """The GPUs that NVIDIA's management library sees; none where it or a card is absent."""

    def __init__(self) -> None:
        self._handles: list[tuple[str, Any]] = []
        try:
            import pynvml
        except ModuleNotFoundError:
            return
        self._nvml = pynvml
        with suppress(pynvml.NVMLError):
            pynvml.nvmlInit()
            for index in range(pynvml.nvmlDeviceGetCount()):
                handle = pynvml.nvmlDeviceGetHandleByIndex(index)
                name = pynvml.nvmlDeviceGetName(handle)
                text = name.decode() if isinstance(name, bytes) else str(name)
                self._handles.append((text, handle))

    def read(self) -> list[tuple[str, float, int]]:
        return [
            (
                name,
                self._nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100.0,
                int(self._nvml.nvmlDeviceGetMemoryInfo(handle).used),
            )
            for name, handle in self._handles
        ]


class Machine(Protocol):
    """Reads what one process, this one and all together have taken so far."""

    def cpu_s(self) -> float: ...

    def own_cpu_s(self) -> float: ...

    def all_cpu_s(self) -> float: ...

    def memory_bytes(self) -> int: ...

    def threads(self) -> int: ...


class Watched:
    """The process with this id, on the machine that this program runs on."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)

    def cpu_s(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def own_cpu_s(self) -> float:
        return time.process_time()

    def all_cpu_s(self) -> float:
        """Processor seconds that all programs have taken since the machine started, and what its
        host took from it; not every system tells every part."""
        times = psutil.cpu_times()
        parts = ("user", "nice", "system", "irq", "softirq", "steal")
        return float(sum(getattr(times, part, 0.0) for part in parts))

    def memory_bytes(self) -> int:
        return int(self._process.memory_info().rss)

    def threads(self) -> int:
        return int(self._process.num_threads())


class Meter(threading.Thread):
    """Watches one process until closed; `since_last` tells of the time between two calls."""

    def __init__(
        self,
        machine: Machine,
        *,
        gpus: GpuMeter,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(name="bench-meter", daemon=True)
        self._machine = machine
        self._gpus = gpus
        self._clock = clock
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._begin()

    def run(self) -> None:
        while not self._ended.wait(EVERY_S):
            with suppress(psutil.NoSuchProcess):
                self._look()

    def since_last(self) -> Usage:
        """Return what was taken since the last call, or since the meter was made."""
        self._look()
        with self._lock:
            seconds = max(1e-9, self._clock() - self._begun_s)
            cpu_s = self._machine.cpu_s() - self._cpu_begun_s
            own_s = self._machine.own_cpu_s() - self._own_begun_s
            others_s = self._machine.all_cpu_s() - self._all_begun_s - cpu_s - own_s
            gpus = tuple(
                GpuUsage(name=name, busy=sum(busy) / len(busy), memory_bytes=max(held))
                for name, busy, held in self._gpu_looks.values()
            )
            usage = Usage(
                cpu_s=cpu_s,
                cores=cpu_s / seconds,
                memory_bytes=self._memory_bytes,
                threads=self._threads,
                own_cores=own_s / seconds,
                other_cores=max(0.0, others_s) / seconds,
                gpus=gpus,
            )
            self._begin()
            return usage

    def close(self) -> None:
        self._ended.set()
        if self.is_alive():
            self.join()

    def _begin(self) -> None:
        self._begun_s = self._clock()
        self._cpu_begun_s = self._machine.cpu_s()
        self._own_begun_s = self._machine.own_cpu_s()
        self._all_begun_s = self._machine.all_cpu_s()
        self._memory_bytes = 0
        self._threads = 0
        self._gpu_looks: dict[int, tuple[str, list[float], list[int]]] = {}

    def _look(self) -> None:
        memory_bytes, threads = self._machine.memory_bytes(), self._machine.threads()
        seen = self._gpus.read()
        with self._lock:
            self._memory_bytes = max(self._memory_bytes, memory_bytes)
            self._threads = max(self._threads, threads)
            for index, (name, busy, held) in enumerate(seen):
                _, shares, bytes_ = self._gpu_looks.setdefault(index, (name, [], []))
                shares.append(busy)
                bytes_.append(held)
