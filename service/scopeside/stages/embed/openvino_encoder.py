"""The network run by OpenVINO on the CPU.

Shapes: T tiles, B inputs in a tile, H and W input pixels, F the output of one input.
"""

from __future__ import annotations

import io
import logging
from pathlib import Path

import openvino as ov

from scopeside.messages import Float32
from scopeside.stages.embed.compiled_cache import CompiledCache
from scopeside.stages.embed.encoder import ShapeBCHW
from scopeside.stages.embed.openvino_graph import GRAPH_VERSION, build_model
from scopeside.stages.embed.resnet50 import Head
from scopeside.stages.embed.weights import Weights

log = logging.getLogger(__name__)

_HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}


class OpenVinoEncoder:
    """Compiles static shapes for the CPU and keeps the compiled models on disk.

    `threads` of 0 takes every core. `cache` is the folder for compiled models, the user's
    cache folder when None.
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
            "NUM_STREAMS": "1",
            "INFERENCE_NUM_THREADS": str(threads),
        }
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

    def compile(self, shape_BCHW: ShapeBCHW, head: Head) -> OpenVinoProgram:
        key = {
            "graph": GRAPH_VERSION,
            "weights": self._weights.sha256,
            "openvino": ov.__version__,
            "cpu": self._cpu,
            "capabilities": sorted(self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")),
            "config": self._config,
            "shape": list(shape_BCHW),
            "head": head,
        }
        blob = self._cache.load(key)
        if blob is not None:
            try:
                compiled = self._core.import_model(io.BytesIO(blob), "CPU", self._config)
            except RuntimeError as error:
                log.warning("OpenVINO refuses its kept model, which is compiled anew: %s", error)
            else:
                return OpenVinoProgram(compiled)
        model = build_model(self._weights.state, shape_BCHW=shape_BCHW, head=head)
        compiled = self._core.compile_model(model, "CPU", self._config)
        self._cache.save(key, lambda: compiled.export_model().getvalue())
        return OpenVinoProgram(compiled)


class OpenVinoProgram:
    """One compiled model and its one request, reading and writing the caller's arrays."""

    def __init__(self, compiled: ov.CompiledModel) -> None:
        self._request = compiled.create_infer_request()

    def __call__(self, tiles_TB1HW: Float32, out_TBF: Float32) -> None:
        for tile_B1HW, out_BF in zip(tiles_TB1HW, out_TBF, strict=True):
            self._request.set_input_tensor(ov.Tensor(tile_B1HW, shared_memory=True))
            self._request.set_output_tensor(ov.Tensor(out_BF, shared_memory=True))
            self._request.infer()
