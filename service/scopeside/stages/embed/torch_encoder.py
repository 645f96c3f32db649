"""The network run by torch: on CUDA where there is a card, else on the CPU.

Shapes: T tiles, B inputs in a tile, H and W input pixels, F the output of one input.
"""

from __future__ import annotations

import torch

from scopeside.messages import Float32
from scopeside.stages.embed.encoder import ShapeBCHW
from scopeside.stages.embed.resnet50 import GreyResNet50, Head, from_state
from scopeside.stages.embed.weights import Weights

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class TorchEncoder:
    """Compiles nothing: a program is the eager module with its tensors on the device.

    `threads` of 0 leaves torch's own choice; any other number holds for the whole process,
    because torch knows one pool only.
    """

    def __init__(
        self, weights: Weights, *, device: str = "cpu", precision: str = "fp32", threads: int = 0
    ) -> None:
        if threads and torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        self._device = torch.device(device)
        self._precision = precision
        self._trunk = from_state(
            {name: _placed(tensor, self._device) for name, tensor in weights.state.items()}
        )

    @property
    def name(self) -> str:
        return f"torch-{torch.__version__}"

    @property
    def device(self) -> str:
        if self._device.type == "cuda":
            return f"{self._device} ({torch.cuda.get_device_name(self._device)})"
        return self._device.type

    @property
    def precision(self) -> str:
        return self._precision

    def compile(self, shape_BCHW: ShapeBCHW, head: Head) -> TorchProgram:
        module = GreyResNet50(self._trunk, head).to(self._device).eval()
        return TorchProgram(module, shape_BCHW, DTYPES[self._precision])


class TorchProgram:
    """The module for one input shape, run tile by tile."""

    def __init__(self, module: GreyResNet50, shape_BCHW: ShapeBCHW, dtype: torch.dtype) -> None:
        # Weights and input stay float32 and autocast rounds them at the convolutions, so that
        # normalisation, residual sums and the final pool keep their precision.
        self._module = module
        self._dtype = dtype
        self._shape_BCHW = shape_BCHW

    def __call__(self, tiles_TB1HW: Float32, out_TBF: Float32) -> None:
        device = self._module.mean.device
        reduced = self._dtype is not torch.float32
        with torch.inference_mode(), torch.autocast(device.type, self._dtype, enabled=reduced):
            for tile_B1HW, out_BF in zip(tiles_TB1HW, out_TBF, strict=True):
                x = torch.from_numpy(tile_B1HW.reshape(self._shape_BCHW)).to(device)
                y = self._module(x.to(memory_format=torch.channels_last))
                out_BF[...] = y.to(torch.float32).cpu().numpy()


def _placed(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return `tensor` on `device`, kernels with their channels last, as convolutions like it."""
    if tensor.ndim == 4:
        return tensor.to(device, memory_format=torch.channels_last)
    return tensor.to(device)
