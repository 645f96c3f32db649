"""What of the real library can be tested without a card; the rest is in `test_on_gpu`."""

from __future__ import annotations

import sys
import warnings
from types import SimpleNamespace

import pytest
import torch

from scopeside.errors import BackendError, EngineRefusedError
from scopeside.stages.embed import tensorrt_library
from scopeside.stages.embed.folded import FoldedResNet50, FoldedTrunk
from scopeside.stages.embed.tensorrt_flavour import FULL, Installed
from scopeside.stages.embed.tensorrt_library import (
    TensorRtEngine,
    TensorRtLibrary,
    exported,
    for_want_of_memory,
)

CONVERTED = {
    "aten._to_copy.default",
    "aten.add.Tensor",
    "aten.cat.default",
    "aten.convolution.default",
    "aten.full.default",
    "aten.mean.dim",
    "aten.permute.default",
    "aten.relu.default",
}
"""Operations for which torch-tensorrt 2.13 has a converter, read from its sources."""

LOWERED = {
    "<built-in function getitem>",
    "aten._assert_tensor_metadata.default",
    "aten.max_pool2d_with_indices.default",
}
"""And those that its lowering removes, or replaces by a max_pool2d without indices."""


@pytest.mark.parametrize("head", ["pool", "map"])
def test_the_exported_network_is_static_and_has_converted_operations_alone(weights, head):
    trunk = FoldedTrunk(weights.state, dtype=torch.float16, device="cpu")
    given = torch.rand((2, 1, 32, 32)).to(torch.float16)
    module = FoldedResNet50(trunk, head).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's copying of its own graphs
        program = exported(module, given)
        lowered = program.run_decompositions()
    used = {str(node.target) for node in lowered.graph.nodes if node.op == "call_function"}
    assert used <= CONVERTED | LOWERED
    assert program.range_constraints == {}
    with torch.inference_mode():
        torch.testing.assert_close(program.module()(given), module(given), rtol=0, atol=1e-3)


def test_a_library_that_cannot_be_loaded_is_an_error_in_a_sentence(monkeypatch):
    found = Installed(flavour=FULL, version="2.13.0", reason="")
    monkeypatch.setattr(tensorrt_library, "installed", lambda: found)
    monkeypatch.setitem(sys.modules, "torch_tensorrt", None)
    with pytest.raises(BackendError, match=r"^TensorRT cannot be loaded .* embed\.backend = torch"):
        TensorRtLibrary("cuda:0")
    lacking = Installed(flavour=None, version="", reason="TensorRT is not installed")
    monkeypatch.setattr(tensorrt_library, "installed", lambda: lacking)
    with pytest.raises(BackendError, match="cannot be used: TensorRT is not installed"):
        TensorRtLibrary("cuda:0")


def caused(outer, inner):
    try:
        try:
            raise inner
        except type(inner) as error:
            raise outer from error
    except type(outer) as error:
        return error


@pytest.mark.parametrize(
    ("error", "memory"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (RuntimeError("[TRT] Error Code 2: OutOfMemory (Requested size was 12 bytes.)"), True),
        (caused(RuntimeError("While interpreting the module"), AssertionError()), True),
        (caused(RuntimeError("While interpreting"), torch.OutOfMemoryError("x")), True),
        (RuntimeError("Conversion of module not currently fully supported"), False),
        (caused(RuntimeError("While interpreting"), ValueError("a wrong shape")), False),
    ],
)
def test_a_build_that_fails_for_want_of_memory_is_told_from_others(error, memory):
    assert for_want_of_memory(error) == memory


TRT = SimpleNamespace(
    TensorIOMode=SimpleNamespace(INPUT="in", OUTPUT="out"),
    DataType=SimpleNamespace(FLOAT="f4", HALF="f2", BF16="bf2"),
)


class Described:
    """As much of a TensorRT engine and its context as is asked: names, modes, shapes, types."""

    def __init__(self, **tensors):
        self.tensors = tensors
        self.num_io_tensors = len(tensors)
        self.addresses = {}
        self.runs = True
        self.streams = []

    def get_tensor_name(self, number):
        return list(self.tensors)[number]

    def get_tensor_mode(self, name):
        return self.tensors[name][0]

    def get_tensor_shape(self, name):
        return self.tensors[name][1]

    def get_tensor_dtype(self, name):
        return self.tensors[name][2]

    def set_tensor_address(self, name, address):
        self.addresses[name] = address
        return True

    def execute_async_v3(self, stream):
        self.streams.append(stream)
        return self.runs


def described():
    return Described(output0=("out", (2, 2048), "f4"), x=("in", (2, 1, 32, 32), "f2"))


def test_an_engine_says_its_shapes_and_precisions():
    engine = TensorRtEngine(TRT, described(), described())
    assert engine.input_shape == (2, 1, 32, 32)
    assert engine.output_shape == (2, 2048)
    assert (engine.input_dtype, engine.output_dtype) == (torch.float16, torch.float32)


def test_an_engine_with_other_inputs_and_outputs_is_refused():
    several = Described(a=("in", (1,), "f2"), b=("in", (1,), "f2"), c=("out", (1,), "f2"))
    with pytest.raises(EngineRefusedError, match="it has the inputs and outputs a, b, c"):
        TensorRtEngine(TRT, several, several)


def test_an_engine_runs_on_the_current_stream_at_the_tensors_addresses(monkeypatch):
    monkeypatch.setattr(
        torch.cuda, "current_stream", lambda device: SimpleNamespace(cuda_stream=1234)
    )
    context = described()
    engine = TensorRtEngine(TRT, context, context)
    given, found = torch.zeros(engine.input_shape), torch.zeros(engine.output_shape)
    engine.enqueue(given, found)
    assert context.addresses == {"x": given.data_ptr(), "output0": found.data_ptr()}
    assert context.streams == [1234]
    context.runs = False
    with pytest.raises(BackendError, match="did not run its engine"):
        engine.enqueue(given, found)
