"""The network run by torch: on CUDA where there is a card, else on the CPU.

Shapes: T tiles, B inputs in a tile, H and W input pixels, F the output of one input.
"""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor, nn

from scopeside.stages.embed.device_memory import device_memory
from scopeside.stages.embed.encoder import DeviceProgram, ShapeBCHW, output_shape
from scopeside.stages.embed.folded import FoldedResNet50, FoldedTrunk, output_dtype
from scopeside.stages.embed.host_program import HostProgram
from scopeside.stages.embed.resnet50 import GreyResNet50, Head, ResNet50, from_state
from scopeside.stages.embed.weights import Weights

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

WARM_UP_RUNS = 3
"""Runs before a CUDA graph is captured: libraries choose kernels and take workspaces in the
first, and torch's own advice is a few."""


class TorchEncoder:
    """Compiles nothing: a program is a module with its tensors on the device.

    In float32 on the CPU that is the plain module, the yardstick for all others. Elsewhere batch
    norm is folded away and the weights are converted once, channels last; on CUDA a program
    is captured in a CUDA graph when it is made. `threads` of 0 leaves torch's own choice; any
    other number holds for the whole process, because torch knows one pool only.
    """

    def __init__(
        self, weights: Weights, *, device: str = "cpu", precision: str = "fp32", threads: int = 0
    ) -> None:
        if threads and torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        self._device = torch.device(device)
        self._precision = precision
        self._weights = weights

    @property
    def name(self) -> str:
        return f"torch-{torch.__version__}"

    @property
    def device(self) -> str:
        return device_title(self._device)

    @property
    def place(self) -> torch.device:
        return self._device

    @property
    def precision(self) -> str:
        return self._precision

    def compile(self, shape_BCHW: ShapeBCHW, head: Head) -> HostProgram:
        return HostProgram(self.device_program(1, shape_BCHW, head))

    def device_program(
        self, tiles: int, shape_BCHW: ShapeBCHW, head: Head, *, captured: bool = True
    ) -> TorchDeviceProgram:
        dtype = DTYPES[self._precision]
        with device_memory(f"{tiles} x {list(shape_BCHW)} in {self._precision} by torch"):
            trunk = self._trunk
            module = (
                GreyResNet50(trunk, head).to(self._device).eval()
                if isinstance(trunk, ResNet50)
                else FoldedResNet50(trunk, head).eval()
            )
            input_TB1HW = torch.zeros((tiles, *shape_BCHW), dtype=dtype, device=self._device)
            output_TBF = torch.zeros(
                (tiles, *output_shape(shape_BCHW, head)),
                dtype=output_dtype(dtype, head),
                device=self._device,
            )
            return TorchDeviceProgram(module, input_TB1HW, output_TBF, captured=captured)

    @cached_property
    def _trunk(self) -> ResNet50 | FoldedTrunk:
        """The weights on the device, shared by all programs."""
        if self._device.type == "cpu" and self._precision == "fp32":
            return from_state({name: _placed(x) for name, x in self._weights.state.items()})
        return FoldedTrunk(self._weights.state, dtype=DTYPES[self._precision], device=self._device)


class TorchDeviceProgram:
    """A module for one input shape; on CUDA, where it may be `captured`, a graph that is replayed.

    While somebody else captures, it enqueues its operations one by one, as a graph cannot be
    replayed into another; the capture then owns what they allocate.
    """

    def __init__(
        self, module: nn.Module, input_TB1HW: Tensor, output_TBF: Tensor, *, captured: bool
    ) -> None:
        self._module = module
        self._input_TB1HW = input_TB1HW
        self._output_TBF = output_TBF
        self._graph = self._captured() if captured and input_TB1HW.is_cuda else None
        run_once(self, input_TB1HW.device)

    @property
    def input_TB1HW(self) -> Tensor:
        return self._input_TB1HW

    @property
    def output_TBF(self) -> Tensor:
        return self._output_TBF

    def run(self) -> None:
        if self._graph is None or torch.cuda.is_current_stream_capturing():
            self._enqueue()
        else:
            self._graph.replay()

    def _enqueue(self) -> None:
        with torch.inference_mode():
            for tile_B1HW, out_BF in zip(self._input_TB1HW, self._output_TBF, strict=True):
                out_BF.copy_(self._module(tile_B1HW))

    def _captured(self) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        device = self._input_TB1HW.device
        with torch.cuda.device(device):
            stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
            stream.wait_stream(torch.cuda.current_stream(device))
            with torch.cuda.stream(stream):
                for _ in range(WARM_UP_RUNS):
                    self._enqueue()
            torch.cuda.current_stream(device).wait_stream(stream)
            # Other threads may use CUDA meanwhile; the default would let that spoil the capture.
            with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
                self._enqueue()
        return graph


def run_once(program: DeviceProgram, device: torch.device) -> None:
    """Run a new program and wait for it: what a library does at its first call is then done."""
    if device.type != "cuda":
        program.run()
        return
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        program.run()
    torch.cuda.synchronize(device)


def device_title(device: torch.device) -> str:
    """Return the device for people: `cpu`, or a card with its name."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return device.type


def _placed(tensor: Tensor) -> Tensor:
    """Return `tensor` with its channels last where it is a kernel, as convolutions like it."""
    return tensor.to(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor
