"""The seam between embedding modes and the libraries that run the network.

Shapes: T tiles (static batches), B inputs in a tile, H and W input pixels, F the output of one
input: `(2048,)` for the head `pool`, `(H/32, W/32, 2048)` for `map`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from scopeside.messages import Float32
from scopeside.stages.embed.resnet50 import FEATURES, STRIDE_PX, Head

if TYPE_CHECKING:
    import torch

ShapeBCHW = tuple[int, int, int, int]


class Program(Protocol):
    """The network compiled for one input shape; not to be called from two threads at once."""

    def __call__(self, tiles_TB1HW: Float32, out_TBF: Float32) -> None:
        """Run every tile and write its float32 output; both arrays are C-contiguous."""
        ...


class Encoder(Protocol):
    """A library, a device, a precision and the weights: what compiles programs."""

    @property
    def name(self) -> str: ...

    @property
    def device(self) -> str: ...

    @property
    def precision(self) -> str: ...

    def compile(self, shape_BCHW: ShapeBCHW, head: Head) -> Program:
        """Return the program for the static input shape `(B, 1, H, W)`; may take seconds."""
        ...


class DeviceProgram(Protocol):
    """A network of one fixed input shape whose input and output stay on the device.

    Both tensors are the program's own, contiguous, and the same for as long as it lives.
    """

    @property
    def input_TB1HW(self) -> torch.Tensor:
        """T tiles of B grey inputs in the network's precision, written by the caller before
        `run`."""
        ...

    @property
    def output_TBF(self) -> torch.Tensor:
        """What `run` writes: F as at the top, float16 or float32."""
        ...

    def run(self) -> None:
        """Enqueue the network on torch's current stream, which should not be the default one.

        Neither allocates nor waits once the program is made, so it may be captured in a CUDA
        graph, which must not outlive the program.
        """
        ...


class DeviceEncoder(Encoder, Protocol):
    """An encoder that also leaves inputs and outputs on its device."""

    @property
    def place(self) -> torch.device:
        """The device, as torch names it."""
        ...

    def device_program(
        self, tiles: int, shape_BCHW: ShapeBCHW, head: Head, *, captured: bool = True
    ) -> DeviceProgram:
        """Return the program for `tiles` inputs of `(B, 1, H, W)`, which has run once.

        `captured` says whether it may keep a CUDA graph of its own, which takes the network's
        memory once more where the caller captures it too. May take minutes. Raises
        DeviceMemoryError where the device's memory does not hold it: a smaller B may fit.
        """
        ...


def output_shape(shape_BCHW: ShapeBCHW, head: Head) -> tuple[int, ...]:
    """Return the shape of one tile's output."""
    batch, _, height, width = shape_BCHW
    if head == "pool":
        return (batch, FEATURES)
    return (batch, -(-height // STRIDE_PX), -(-width // STRIDE_PX), FEATURES)
