"""The seam to TensorRT: what builds engines and loads them.

`tensorrt_library` is the real one; its stand-in for tests is `scopeside.testing.engines`.

Shapes: B inputs of a tile, H and W input pixels, F the output of one input.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from scopeside.stages.embed.engine_key import EngineMachine


class Engine(Protocol):
    """An engine that is loaded, with the memory that it runs in; one thread at a time."""

    @property
    def input_shape(self) -> tuple[int, ...]: ...

    @property
    def output_shape(self) -> tuple[int, ...]: ...

    @property
    def input_dtype(self) -> torch.dtype: ...

    @property
    def output_dtype(self) -> torch.dtype: ...

    def enqueue(self, input_B1HW: Tensor, output_BF: Tensor) -> None:
        """Run on torch's current stream.

        Both tensors are contiguous, of the engine's shapes and precisions, and begin at a
        multiple of the library's `alignment_bytes`. Neither allocates nor waits.
        """
        ...


class EngineLibrary(Protocol):
    """TensorRT in one flavour, on one card."""

    @property
    def machine(self) -> EngineMachine: ...

    @property
    def alignment_bytes(self) -> int:
        """What the addresses of inputs and outputs must be multiples of."""
        ...

    def build(self, module: nn.Module, input_B1HW: Tensor) -> bytes:
        """Return the serialised engine of `module` for inputs like `input_B1HW`; takes minutes.

        Raises DeviceMemoryError where the card's memory does not hold it, BackendError where the
        library cannot build it.
        """
        ...

    def load(self, engine: bytes) -> Engine:
        """Return the engine, ready to run.

        Raises EngineRefusedError for bytes that the library does not take, DeviceMemoryError
        where the card's memory does not hold the engine.
        """
        ...
