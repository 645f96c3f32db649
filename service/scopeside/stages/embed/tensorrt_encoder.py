"""The network run by TensorRT: engines of static shapes, built once and kept on disk.

Shapes: T tiles, B inputs in a tile, H and W input pixels, F the output of one input.
"""

from __future__ import annotations

import logging
import time
from functools import cached_property
from pathlib import Path
from weakref import WeakValueDictionary

import torch
from torch import Tensor

from scopeside.errors import BackendError, EngineRefusedError
from scopeside.stages.embed.device_memory import device_memory
from scopeside.stages.embed.encoder import DeviceProgram, ShapeBCHW, output_shape
from scopeside.stages.embed.engine_cache import EngineCache
from scopeside.stages.embed.engine_key import EngineKey
from scopeside.stages.embed.engine_library import Engine, EngineLibrary
from scopeside.stages.embed.folded import FOLDED_VERSION, FoldedResNet50, FoldedTrunk
from scopeside.stages.embed.host_program import HostProgram
from scopeside.stages.embed.resnet50 import Head
from scopeside.stages.embed.torch_encoder import DTYPES, TorchEncoder, device_title, run_once
from scopeside.stages.embed.weights import Weights

log = logging.getLogger(__name__)


class TensorRtEncoder:
    """Takes engines from the cache, or builds them until it is sealed.

    Building takes minutes, so after `seal` a shape that has no engine is run by torch. `cache` is
    the cache folder of the settings, the user's own when None.
    """

    def __init__(
        self,
        weights: Weights,
        library: EngineLibrary,
        *,
        device: str,
        precision: str,
        cache: Path | None = None,
    ) -> None:
        self._weights = weights
        self._library = library
        self._device = torch.device(device)
        self._precision = precision
        self._cache = EngineCache(cache)
        self._sealed = False
        # Programs that differ in their tiles alone share an engine, which goes with the last.
        self._engines: WeakValueDictionary[tuple[ShapeBCHW, Head], Engine] = WeakValueDictionary()

    @property
    def name(self) -> str:
        return f"{self._library.machine.flavour}-{self._library.machine.torch_tensorrt}"

    @property
    def device(self) -> str:
        return device_title(self._device)

    @property
    def place(self) -> torch.device:
        return self._device

    @property
    def precision(self) -> str:
        return self._precision

    def seal(self) -> None:
        """Build no engine from now on, and give back the weights that engines are built from."""
        self._sealed = True
        self.__dict__.pop("_trunk", None)

    def compile(self, shape_BCHW: ShapeBCHW, head: Head) -> HostProgram:
        return HostProgram(self.device_program(1, shape_BCHW, head))

    def device_program(
        self, tiles: int, shape_BCHW: ShapeBCHW, head: Head, *, captured: bool = True
    ) -> DeviceProgram:
        """An engine keeps no graph of its own: `captured` matters where torch takes its place."""
        engine = self._engine(shape_BCHW, head)
        if engine is None:
            return self._by_torch.device_program(tiles, shape_BCHW, head, captured=captured)
        with device_memory(f"{tiles} x {list(shape_BCHW)} in {self._precision} by TensorRT"):
            return EngineProgram(
                engine,
                tiles,
                device=self._device,
                alignment_bytes=self._library.alignment_bytes,
            )

    def _engine(self, shape_BCHW: ShapeBCHW, head: Head) -> Engine | None:
        """Return the engine loaded before, kept on disk, or built; None if it is too late for
        that."""
        engine = self._engines.get((shape_BCHW, head))
        if engine is not None:
            return engine
        key = EngineKey(
            weights_sha256=self._weights.sha256,
            network=FOLDED_VERSION,
            shape_BCHW=shape_BCHW,
            head=head,
            precision=self._precision,
            machine=self._library.machine,
        )
        engine = self._kept(key)
        if engine is None and self._sealed:
            log.warning(
                f"no engine {key.title} is kept, and none is built while frames come: torch runs"
                " this shape; `scopeside engine build` with its service.frame_shape makes one"
            )
            return None
        if engine is None:
            engine = self._built(key)
        self._engines[shape_BCHW, head] = engine
        return engine

    def _kept(self, key: EngineKey) -> Engine | None:
        data = self._cache.load(key)
        if data is None:
            return None
        try:
            return self._loaded(key, data)
        except EngineRefusedError as error:
            self._cache.refuse(key, str(error))
            return None

    def _built(self, key: EngineKey) -> Engine:
        log.info(f"building the engine {key.title}, which can take minutes")
        begun_s = time.monotonic()
        with device_memory(f"the building of the engine {key.title}"):
            module = FoldedResNet50(self._trunk, key.head).eval()
            input_B1HW = torch.zeros(
                key.shape_BCHW, dtype=DTYPES[self._precision], device=self._device
            )
            data = self._library.build(module, input_B1HW)
        build_s = time.monotonic() - begun_s
        try:
            engine = self._loaded(key, data)
        except EngineRefusedError as error:
            raise BackendError(
                f"The engine {key.title} was built and cannot be used: {error}; set"
                " embed.backend = torch."
            ) from error
        self._cache.save(key, data, build_s=build_s)
        log.info(f"built the engine {key.title}", extra={"build_s": round(build_s, 1)})
        return engine

    def _loaded(self, key: EngineKey, data: bytes) -> Engine:
        """Raises EngineRefusedError for what is not the engine of `key`."""
        engine = self._library.load(data)
        expected = (key.shape_BCHW, output_shape(key.shape_BCHW, key.head))
        if (engine.input_shape, engine.output_shape) != expected:
            raise EngineRefusedError(f"it takes {engine.input_shape} to {engine.output_shape}")
        return engine

    @cached_property
    def _trunk(self) -> FoldedTrunk:
        dtype = DTYPES[self._precision]
        return FoldedTrunk(self._weights.state, dtype=dtype, device=self._device)

    @cached_property
    def _by_torch(self) -> TorchEncoder:
        return TorchEncoder(self._weights, device=str(self._device), precision=self._precision)


class EngineProgram:
    """One engine over all tiles, one after the other."""

    def __init__(
        self, engine: Engine, tiles: int, *, device: torch.device, alignment_bytes: int
    ) -> None:
        self._engine = engine
        self._input_TB1HW = torch.zeros(
            (tiles, *engine.input_shape), dtype=engine.input_dtype, device=device
        )
        self._output_TBF = torch.zeros(
            (tiles, *engine.output_shape), dtype=engine.output_dtype, device=device
        )
        tile_B1HW = self._input_TB1HW[0]
        # Tiles of odd shapes follow each other at addresses that TensorRT does not take.
        aligned = tiles == 1 or tile_B1HW.nbytes % alignment_bytes == 0
        self._aligned_B1HW = None if aligned else torch.empty_like(tile_B1HW)
        run_once(self, device)

    @property
    def input_TB1HW(self) -> Tensor:
        return self._input_TB1HW

    @property
    def output_TBF(self) -> Tensor:
        return self._output_TBF

    def run(self) -> None:
        for tile_B1HW, out_BF in zip(self._input_TB1HW, self._output_TBF, strict=True):
            if self._aligned_B1HW is None:
                self._engine.enqueue(tile_B1HW, out_BF)
            else:
                self._engine.enqueue(self._aligned_B1HW.copy_(tile_B1HW), out_BF)
