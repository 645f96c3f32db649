"""A stand-in for TensorRT, so that everything around it can be tested without a card.

Shapes: B inputs of a tile, H and W input pixels, F the output of one input.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from scopeside.errors import BackendError, DeviceMemoryError, EngineRefusedError

FEATURES = 2048
CELL_PX = 32
ALIGNMENT_BYTES = 64
"""What torch gives tensors on the CPU; TensorRT asks for 256."""

Network = Callable[[Tensor], Tensor]


class FakeEngineLibrary:
    """Engines that are a line of JSON and compute cheap features of each 32-pixel cell.

    With `network` they compute that instead. `memory` is the most inputs that a tile may have;
    `broken` makes every build fail, and `refuse_next` the next load, as after a change that no
    key knows of. What was built and loaded is counted.
    """

    alignment_bytes = ALIGNMENT_BYTES

    def __init__(
        self, machine: Any, *, network: Network | None = None, memory: int | None = None
    ) -> None:
        self.machine = machine
        self.memory = memory
        self.broken = False
        self.refuse_next = False
        self.built: list[tuple[int, ...]] = []
        self.loaded: list[tuple[int, ...]] = []
        self._network = network

    def build(self, module: nn.Module, input_B1HW: Tensor) -> bytes:
        if self.broken:
            raise BackendError("The fake library cannot build the network.")
        shape = tuple(input_B1HW.shape)
        self._hold(shape)
        self.built.append(shape)
        engine = {"shape": shape, "head": module.head, "dtype": str(input_B1HW.dtype)}
        return json.dumps(engine).encode()

    def load(self, engine: bytes) -> FakeEngine:
        try:
            described = json.loads(engine)
            shape, head = tuple(described["shape"]), described["head"]
            dtype = getattr(torch, described["dtype"].removeprefix("torch."))
        except (ValueError, KeyError) as error:
            raise EngineRefusedError("the fake library does not load it") from error
        if self.refuse_next:
            self.refuse_next = False
            raise EngineRefusedError("the fake library does not load it")
        self._hold(shape)
        self.loaded.append(shape)
        return FakeEngine(shape, head, dtype, self._network)

    def _hold(self, shape: tuple[int, ...]) -> None:
        if self.memory is not None and shape[0] > self.memory:
            raise DeviceMemoryError(f"The fake GPU's memory does not hold {shape[0]} inputs.")


class FakeEngine:
    """What the library loads; it refuses what TensorRT would."""

    def __init__(
        self, shape: tuple[int, ...], head: str, dtype: torch.dtype, network: Network | None
    ) -> None:
        batch, _, height, width = shape
        cells = (-(-height // CELL_PX), -(-width // CELL_PX))
        self.input_shape = shape
        self.output_shape = (batch, FEATURES) if head == "pool" else (batch, *cells, FEATURES)
        self.input_dtype = dtype
        half = (dtype, head) == (torch.float16, "map")
        self.output_dtype = torch.float16 if half else torch.float32
        self._head = head
        self._network = network or self._features

    def enqueue(self, input_B1HW: Tensor, output_BF: Tensor) -> None:
        for tensor, shape, dtype in (
            (input_B1HW, self.input_shape, self.input_dtype),
            (output_BF, self.output_shape, self.output_dtype),
        ):
            if tensor.shape != shape or tensor.dtype != dtype or not tensor.is_contiguous():
                raise BackendError(f"A tensor is {tensor.dtype} {tuple(tensor.shape)}.")
            if tensor.data_ptr() % ALIGNMENT_BYTES:
                raise BackendError("A tensor begins at an address that is not aligned.")
        with torch.inference_mode():
            output_BF.copy_(self._network(input_B1HW))

    def _features(self, x_B1HW: Tensor) -> Tensor:
        x_B1HW = x_B1HW.to(torch.float32)
        means_Bhw = nn.functional.avg_pool2d(x_B1HW, CELL_PX, ceil_mode=True)[:, 0]
        feature_D = torch.linspace(-1.0, 1.0, FEATURES)
        map_BhwD = torch.sin(means_Bhw[..., None] * 9.0 + feature_D * 4.0)
        return map_BhwD.mean(dim=(1, 2)) if self._head == "pool" else map_BhwD
