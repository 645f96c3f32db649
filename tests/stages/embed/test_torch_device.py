"""torch's device programs: what the caller writes into the input comes out of the output."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from scopeside.stages.embed import torch_encoder as module
from scopeside.stages.embed.encoder import output_shape
from scopeside.stages.embed.simulated import film_chips
from scopeside.stages.embed.torch_encoder import TorchEncoder

SHAPES = [((2, 1, 32, 32), "pool"), ((1, 1, 32, 64), "map")]


def tiles_of(shape_BCHW, tiles, seed=3):
    batch, _, height, width = shape_BCHW
    chips = film_chips(tiles * batch, max(height, width), seed=seed)[:, :height, :width]
    return np.ascontiguousarray(chips).reshape(tiles, *shape_BCHW)


@pytest.mark.parametrize(("shape_BCHW", "head"), SHAPES)
def test_a_device_program_gives_what_the_host_program_gives(torch_encoder, shape_BCHW, head):
    tiles_TB1HW = tiles_of(shape_BCHW, 3)
    expected = np.empty((3, *output_shape(shape_BCHW, head)), np.float32)
    torch_encoder.compile(shape_BCHW, head)(tiles_TB1HW, expected)

    program = torch_encoder.device_program(3, shape_BCHW, head)
    program.input_TB1HW.copy_(torch.from_numpy(tiles_TB1HW))
    program.run()

    np.testing.assert_array_equal(program.output_TBF.numpy(), expected)


def test_every_run_reads_and_writes_the_same_memory(torch_encoder):
    program = torch_encoder.device_program(2, (1, 1, 32, 32), "pool")
    addresses = program.input_TB1HW.data_ptr(), program.output_TBF.data_ptr()
    found = []
    for seed in (1, 2):
        program.input_TB1HW.copy_(torch.from_numpy(tiles_of((1, 1, 32, 32), 2, seed)))
        program.run()
        found.append(program.output_TBF.clone())
    assert (program.input_TB1HW.data_ptr(), program.output_TBF.data_ptr()) == addresses
    assert not torch.equal(*found)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_its_tensors_have_the_shapes_and_precisions_that_were_promised(weights, precision):
    encoder = TorchEncoder(weights, precision=precision)
    dtype = {"fp32": torch.float32, "fp16": torch.float16}[precision]
    for shape_BCHW, head in SHAPES:
        program = encoder.device_program(2, shape_BCHW, head)
        assert program.input_TB1HW.shape == (2, *shape_BCHW)
        assert program.input_TB1HW.dtype == dtype
        assert program.output_TBF.shape == (2, *output_shape(shape_BCHW, head))
        assert program.output_TBF.dtype in (torch.float16, torch.float32)
        assert program.input_TB1HW.is_contiguous()
        assert program.output_TBF.is_contiguous()


def test_programs_of_one_encoder_share_its_weights(weights):
    encoder = TorchEncoder(weights, precision="bf16")
    one = encoder.device_program(1, (1, 1, 32, 32), "pool")
    other = encoder.device_program(1, (2, 1, 32, 32), "map")
    first, second = (next(program._module.parameters()) for program in (one, other))
    assert first.data_ptr() == second.data_ptr()


@pytest.mark.parametrize("captured", [True, False])
def test_a_program_on_a_card_has_a_graph_of_its_own_unless_its_caller_captures_it(
    weights, monkeypatch, captured
):
    graphs = []

    class OnCard(module.TorchDeviceProgram):
        def __init__(self, module, given, output, *, captured):
            # As a card's tensor says of itself; what follows is that it is captured.
            monkeypatch.setattr(torch.Tensor, "is_cuda", True)
            monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
            super().__init__(module, given, output, captured=captured)

        def _captured(self):
            graphs.append(self)

    monkeypatch.setattr(module, "TorchDeviceProgram", OnCard)
    TorchEncoder(weights).device_program(1, (1, 1, 32, 32), "pool", captured=captured)
    assert len(graphs) == captured
