"""A device program behind NumPy arrays, tile by tile, through pinned memory where there is a GPU.

Shapes: T tiles, B inputs in a tile, H and W input pixels, F the output of one input.
"""

from __future__ import annotations

import torch

from scopeside.messages import Float32
from scopeside.stages.embed.encoder import DeviceProgram


class HostProgram:
    """Runs a device program of one tile over any number of tiles that lie on the host."""

    def __init__(self, program: DeviceProgram) -> None:
        self._program = program
        self._input_B1HW = program.input_TB1HW[0]
        self._output_BF = program.output_TBF[0]
        device = self._input_B1HW.device
        cuda = device.type == "cuda"
        self._given_B1HW = torch.empty(self._input_B1HW.shape, pin_memory=cuda)
        self._found_BF = torch.empty(self._output_BF.shape, pin_memory=cuda)
        # A stream of its own: TensorRT waits for the device on every call in the default one.
        self._stream = torch.cuda.Stream(device) if cuda else None  # type: ignore[no-untyped-call]

    def __call__(self, tiles_TB1HW: Float32, out_TBF: Float32) -> None:
        with torch.inference_mode(), torch.cuda.stream(self._stream):
            for tile_B1HW, out_BF in zip(tiles_TB1HW, out_TBF, strict=True):
                self._given_B1HW.copy_(torch.from_numpy(tile_B1HW))
                self._input_B1HW.copy_(self._given_B1HW, non_blocking=True)
                self._program.run()
                self._found_BF.copy_(self._output_BF)  # waits for this stream
                out_BF[...] = self._found_BF.numpy()
