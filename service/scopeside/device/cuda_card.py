"""A card driven through torch: CUDA's streams, events, graphs and pinned memory.

Written after the documentation of torch and CUDA. It has not run on a card yet. A card's marks and
lines are its own, so what it is given back is of its own kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor

from scopeside.device.card import CardMemory, Line, Mark
from scopeside.stages.embed.torch_encoder import device_title


class CudaMark:
    """An event with a time. External ones become nodes of a graph when they are captured."""

    def __init__(self, *, external: bool) -> None:
        # `blocking`: whoever waits sleeps, and leaves the core to ingest and publish.
        self.event = torch.cuda.Event(  # type: ignore[no-untyped-call]
            enable_timing=True, blocking=True, external=external
        )

    def set(self) -> None:
        self.event.record()

    def wait(self) -> None:
        self.event.synchronize()

    def seconds_since(self, earlier: Mark) -> float:
        return float(cast(CudaMark, earlier).event.elapsed_time(self.event)) * 1e-3


class CudaLine:
    """A stream of its own: the default one would wait for all others."""

    def __init__(self, device: torch.device, *, priority: int) -> None:
        self.stream = torch.cuda.Stream(device, priority=priority)  # type: ignore[no-untyped-call]

    @contextmanager
    def use(self) -> Iterator[None]:
        with torch.inference_mode(), torch.cuda.stream(self.stream):
            yield

    def after(self, mark: Mark) -> None:
        self.stream.wait_event(cast(CudaMark, mark).event)

    def wait(self) -> None:
        self.stream.synchronize()


class CudaCard:
    """One NVIDIA GPU."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    @property
    def device(self) -> torch.device:
        return self._device

    @property
    def title(self) -> str:
        return device_title(self._device)

    def line(self, *, urgent: bool = False) -> CudaLine:
        return CudaLine(self._device, priority=-1 if urgent else 0)

    def mark(self) -> CudaMark:
        return CudaMark(external=False)

    def inner_mark(self) -> CudaMark:
        return CudaMark(external=True)

    def pool(self) -> object:
        # torch does not take a handle whose graphs have all gone.
        return torch.cuda.graph_pool_handle()

    def captured(self, line: Line, work: Callable[[], None], *, pool: object) -> Callable[[], None]:
        # Graphs captured in one line never run at the same time, so what lies between their
        # kernels may share memory; all that outlasts a launch lies in tensors made beforehand.
        stream = cast(CudaLine, line).stream
        graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize(self._device)
        # Other threads may use CUDA meanwhile; the default would let that spoil the capture.
        with (
            torch.inference_mode(),
            torch.cuda.device(self._device),
            torch.cuda.graph(
                graph, pool=cast(Any, pool), stream=stream, capture_error_mode="thread_local"
            ),
        ):
            work()
        return graph.replay

    def pinned(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        return torch.empty(shape, dtype=dtype, pin_memory=True)

    def survives(self) -> bool:
        # Errors of a kernel stay with the context: whatever comes next fails like it.
        try:
            torch.cuda.synchronize(self._device)
            probe = torch.ones(1, device=self._device)
            return float(probe.sum()) == 1.0
        except torch.OutOfMemoryError:
            return True
        except RuntimeError:
            return False

    def release(self) -> None:
        torch.cuda.empty_cache()

    def memory(self) -> CardMemory:
        free, total = torch.cuda.mem_get_info(self._device)
        return CardMemory(
            total=total,
            free=free,
            reserved=torch.cuda.memory_reserved(self._device),
            allocated=torch.cuda.memory_allocated(self._device),
            peak=torch.cuda.max_memory_allocated(self._device),
        )
