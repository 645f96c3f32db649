"""TensorRT itself, through torch_tensorrt's builder and TensorRT's own runtime.

Written after the sources of torch-tensorrt 2.13 and the documentation of TensorRT 11. torch is
asked for the exported program, torch_tensorrt for the serialised engine, and TensorRT's Python
runtime runs it: no module of torch_tensorrt lies between, and nothing of it is saved.

Shapes: B inputs of a tile, H and W input pixels, F the output of one input.
"""

from __future__ import annotations

import importlib
import logging
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from scopeside.errors import BackendError, EngineRefusedError
from scopeside.stages.embed.device_memory import does_not_fit
from scopeside.stages.embed.driver import driver_version
from scopeside.stages.embed.engine_key import EngineMachine
from scopeside.stages.embed.tensorrt_flavour import installed

log = logging.getLogger(__name__)

ALIGNMENT_BYTES = 256
"""What TensorRT asks of an address of an input or output."""


def exported(module: nn.Module, input_B1HW: Tensor) -> torch.export.ExportedProgram:
    """Return the graph of `module` for inputs of exactly this shape and precision."""
    with torch.no_grad():
        return torch.export.export(module, (input_B1HW,))


class TensorRtLibrary:
    """One flavour of TensorRT on one card.

    Raises BackendError where it cannot be imported: a library that is missing, or built for
    another torch or CUDA, shows only then.
    """

    def __init__(self, device: torch.device | str) -> None:
        self._device = torch.device(device)
        found = installed()
        if found.flavour is None:
            raise BackendError(f"embed.backend = tensorrt cannot be used: {found.reason}.")
        try:
            # In this order: torch_tensorrt puts its flavour's library in the place of `tensorrt`.
            self._torch_tensorrt: Any = importlib.import_module("torch_tensorrt")
            self._trt: Any = importlib.import_module("tensorrt")
            self._logger: Any = importlib.import_module("torch_tensorrt.logging").TRT_LOGGER
        except Exception as error:
            raise BackendError(
                f"{found.flavour.title} cannot be loaded ({error}); install"
                f" {found.flavour.distribution} for this torch {torch.__version__}, or set"
                " embed.backend = torch."
            ) from error
        self._runtime: Any = self._trt.Runtime(self._logger)
        major, minor = torch.cuda.get_device_capability(self._device)
        self._machine = EngineMachine(
            gpu=torch.cuda.get_device_name(self._device),
            capability=f"{major}.{minor}",
            flavour=found.flavour.distribution,
            tensorrt=str(self._trt.__version__),
            torch_tensorrt=found.version,
            torch=torch.__version__,
            driver=driver_version(),
        )

    @property
    def machine(self) -> EngineMachine:
        return self._machine

    @property
    def alignment_bytes(self) -> int:
        return ALIGNMENT_BYTES

    def build(self, module: nn.Module, input_B1HW: Tensor) -> bytes:
        what = f"the building of an engine for {tuple(input_B1HW.shape)}"
        # By default a timing cache is left in a folder of /tmp that anybody may have made.
        with (
            tempfile.TemporaryDirectory(prefix="scopeside-engine-") as folder,
            torch.cuda.device(self._device),
        ):
            try:
                convert = (
                    self._torch_tensorrt.dynamo.convert_exported_program_to_serialized_trt_engine
                )
                return bytes(
                    convert(
                        exported(module, input_B1HW),
                        arg_inputs=[input_B1HW],
                        device=self._device,
                        require_full_compilation=True,
                        immutable_weights=True,
                        cache_built_engines=False,
                        reuse_cached_engines=False,
                        timing_cache_path=str(Path(folder) / "timing"),
                    )
                )
            except (RuntimeError, AssertionError, MemoryError) as error:
                if for_want_of_memory(error):
                    raise does_not_fit(what) from error
                raise BackendError(
                    f"{self._machine.flavour} {self._machine.torch_tensorrt} cannot build the"
                    f" network ({error}); set embed.backend = torch."
                ) from error

    def load(self, engine: bytes) -> TensorRtEngine:
        with torch.cuda.device(self._device):
            # None for whatever goes wrong; why is in TensorRT's own log line.
            loaded = self._runtime.deserialize_cuda_engine(engine)
            if loaded is None:
                raise EngineRefusedError("TensorRT does not load it")
            context = loaded.create_execution_context()
            if context is None:
                raise does_not_fit(f"a TensorRT engine of {len(engine) / 1e6:.0f} MB")
            # Only TensorRT for RTX knows engines for which this is not so.
            capturable = getattr(context, "is_stream_capturable", None)
            stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
            if capturable is not None and not capturable(stream.cuda_stream):
                raise BackendError(
                    f"{self._machine.flavour} cannot capture its engine in a CUDA graph;"
                    " set embed.backend = torch."
                )
            return TensorRtEngine(self._trt, loaded, context)


class TensorRtEngine:
    """A deserialised engine and its one execution context."""

    def __init__(self, trt: Any, engine: Any, context: Any) -> None:
        self._engine = engine  # the context does not keep it alive
        self._context = context
        names = [engine.get_tensor_name(number) for number in range(engine.num_io_tensors)]
        inputs = [name for name in names if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
        if len(names) != 2 or len(inputs) != 1:
            raise EngineRefusedError(f"it has the inputs and outputs {', '.join(names)}")
        self._input = inputs[0]
        self._output = next(name for name in names if name != self._input)
        dtypes = {
            trt.DataType.FLOAT: torch.float32,
            trt.DataType.HALF: torch.float16,
            trt.DataType.BF16: torch.bfloat16,
        }
        self.input_dtype, self.output_dtype = (
            dtypes[engine.get_tensor_dtype(name)] for name in (self._input, self._output)
        )

    @property
    def input_shape(self) -> tuple[int, ...]:
        return tuple(self._engine.get_tensor_shape(self._input))

    @property
    def output_shape(self) -> tuple[int, ...]:
        return tuple(self._engine.get_tensor_shape(self._output))

    def enqueue(self, input_B1HW: Tensor, output_BF: Tensor) -> None:
        stream = torch.cuda.current_stream(input_B1HW.device)
        if not (
            self._context.set_tensor_address(self._input, input_B1HW.data_ptr())
            and self._context.set_tensor_address(self._output, output_BF.data_ptr())
            and self._context.execute_async_v3(stream.cuda_stream)
        ):
            raise BackendError("TensorRT did not run its engine; its log line above says why.")


def for_want_of_memory(error: BaseException) -> bool:
    """Say whether a build failed because memory ran out, or may have.

    torch_tensorrt wraps what went wrong in RuntimeError. TensorRT's builder returns nothing,
    which torch_tensorrt asserts, and tells its reason to the log alone; with a network that is
    known to convert, that is memory.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, torch.OutOfMemoryError | AssertionError | MemoryError):
            return True
        if any(words in str(seen).lower() for words in ("out of memory", "outofmemory")):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
