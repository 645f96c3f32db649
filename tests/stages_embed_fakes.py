"""An encoder without a network, for the tests of the embedding modes."""

from __future__ import annotations

import numpy as np

from scopeside.messages import Float32
from scopeside.stages.embed.encoder import ShapeBCHW, output_shape
from scopeside.stages.embed.resnet50 import Head


class FakeEncoder:
    """An encoder whose features are cheap sums of each 32-pixel cell; counts its compilations."""

    name = "fake"
    device = "cpu"
    precision = "fp32"

    def __init__(self) -> None:
        self.compiled: list[tuple[ShapeBCHW, Head]] = []

    def compile(self, shape_BCHW: ShapeBCHW, head: Head) -> FakeProgram:
        self.compiled.append((shape_BCHW, head))
        return FakeProgram(shape_BCHW, head)


class FakeProgram:
    def __init__(self, shape_BCHW: ShapeBCHW, head: Head) -> None:
        self._shape_BCHW = shape_BCHW
        self._head = head

    def __call__(self, tiles_TB1HW: Float32, out_TBF: Float32) -> None:
        assert tiles_TB1HW.shape[1:] == self._shape_BCHW
        assert out_TBF.shape[1:] == output_shape(self._shape_BCHW, self._head)
        tiles, batch, _, height, width = tiles_TB1HW.shape
        cells = tiles_TB1HW.reshape(tiles, batch, height // 32, 32, width // 32, 32)
        feature_D = np.linspace(-1.0, 1.0, out_TBF.shape[-1], dtype=np.float32)
        map_TBhwD = np.sin(cells.mean(axis=(3, 5))[..., None] * 9.0 + feature_D * 4.0)
        out_TBF[...] = map_TBhwD.mean(axis=(2, 3)) if self._head == "pool" else map_TBhwD
