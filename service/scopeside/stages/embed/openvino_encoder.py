"""The network run by OpenVINO on the CPU.

Shapes: T tiles, B inputs in a tile, H and W input pixels, F the output of one input; D = 2048
features, h and w pixels of the map, P = h * w of them in a row.
"""

from __future__ import annotations

import io
import logging
from pathlib import Path

import cv2
import numpy as np
import openvino as ov

from scopeside.messages import Float32
from scopeside.stages.embed.compiled_cache import CompiledCache
from scopeside.stages.embed.encoder import Program, ShapeBCHW, output_shape
from scopeside.stages.embed.lanes import lanes
from scopeside.stages.embed.openvino_graph import GRAPH_VERSION, build_model
from scopeside.stages.embed.resnet50 import Head
from scopeside.stages.embed.weights import Weights

log = logging.getLogger(__name__)

_HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}


class OpenVinoEncoder:
    """Compiles static shapes for the CPU and keeps the compiled models on disk.

    `threads` of 0 takes every core. `cache` is the folder for compiled models, the user's
    cache folder when None. The head `pool` has many tiles a frame: they run abreast, each on its
    own share of the cores, so that no core waits for another at the end of every layer. The head
    `map` has one, which takes all cores.
    """

    def __init__(
        self, weights: Weights, *, precision: str, threads: int = 0, cache: Path | None = None
    ) -> None:
        self._weights = weights
        self._precision = precision
        self._core = ov.Core()
        self._cpu = str(self._core.get_property("CPU", "FULL_DEVICE_NAME"))
        self._config = {
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": str(threads),
        }
        self._lanes = {"pool": lanes(threads), "map": 1}
        self._cache = CompiledCache(cache)

    @property
    def name(self) -> str:
        return f"openvino-{ov.__version__.split('-')[0]}"

    @property
    def device(self) -> str:
        return f"cpu ({self._cpu})"

    @property
    def precision(self) -> str:
        return self._precision

    def compile(self, shape_BCHW: ShapeBCHW, head: Head) -> Program:
        compiled = self._compiled(shape_BCHW, head)
        if head == "map":
            return MapProgram(compiled, output_shape(shape_BCHW, head))
        return AbreastProgram(compiled, requests=self._lanes[head])

    def _compiled(self, shape_BCHW: ShapeBCHW, head: Head) -> ov.CompiledModel:
        config = self._config | {"NUM_STREAMS": str(self._lanes[head])}
        key = {
            "graph": GRAPH_VERSION,
            "weights": self._weights.sha256,
            "openvino": ov.__version__,
            "cpu": self._cpu,
            "capabilities": sorted(self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")),
            "config": config,
            "shape": list(shape_BCHW),
            "head": head,
        }
        blob = self._cache.load(key)
        if blob is not None:
            try:
                compiled = self._core.import_model(io.BytesIO(blob), "CPU", config)
            except RuntimeError as error:
                log.warning("OpenVINO refuses its kept model, which is compiled anew: %s", error)
            else:
                return compiled
        model = build_model(self._weights.state, shape_BCHW=shape_BCHW, head=head)
        compiled = self._core.compile_model(model, "CPU", config)
        self._cache.save(key, lambda: compiled.export_model().getvalue())
        return compiled


class AbreastProgram:
    """One compiled model with several requests that run at a time, each on its own tile, reading
    and writing the caller's arrays."""

    def __init__(self, compiled: ov.CompiledModel, *, requests: int) -> None:
        self._requests = [compiled.create_infer_request() for _ in range(requests)]

    def __call__(self, tiles_TB1HW: Float32, out_TBF: Float32) -> None:
        running = 0
        try:
            for number, (tile_B1HW, out_BF) in enumerate(zip(tiles_TB1HW, out_TBF, strict=True)):
                request = self._requests[number % len(self._requests)]
                if number >= len(self._requests):
                    request.wait()
                request.set_input_tensor(ov.Tensor(tile_B1HW, shared_memory=True))
                request.set_output_tensor(ov.Tensor(out_BF, shared_memory=True))
                request.start_async()
                running = min(number + 1, len(self._requests))
        finally:
            # They write into the caller's array: none may outlast this call.
            for request in self._requests[:running]:
                request.wait()


class MapProgram:
    """One compiled model that gives maps feature by feature, turned round for the caller."""

    def __init__(self, compiled: ov.CompiledModel, shape_BhwD: tuple[int, ...]) -> None:
        batch, rows, cols, features = shape_BhwD
        self._request = compiled.create_infer_request()
        self._maps_BDP = np.zeros((batch, features, rows * cols), np.float32)
        maps_BDhw = self._maps_BDP.reshape(batch, features, rows, cols)
        self._request.set_output_tensor(ov.Tensor(maps_BDhw, shared_memory=True))

    def __call__(self, tiles_TB1HW: Float32, out_TBF: Float32) -> None:
        for tile_B1HW, out_BhwD in zip(tiles_TB1HW, out_TBF, strict=True):
            self._request.set_input_tensor(ov.Tensor(tile_B1HW, shared_memory=True))
            self._request.infer()
            for map_DP, out_hwD in zip(self._maps_BDP, out_BhwD, strict=True):
                # Block by block, eight times as fast as NumPy's copy of a transposed array.
                cv2.transpose(map_DP, out_hwD.reshape(-1, len(map_DP)))
