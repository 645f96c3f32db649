"""On a card: torch and TensorRT agree with torch in float32, captured or not, shared or chips."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from card_items import absent
from scopeside.errors import EngineRefusedError
from scopeside.settings import ChipSettings, EmbedSettings, ServiceSettings, Settings
from scopeside.stages.embed import build_embedder
from scopeside.stages.embed.encoder import output_shape
from scopeside.stages.embed.simulated import film_chips
from scopeside.stages.embed.tensorrt_encoder import TensorRtEncoder
from scopeside.stages.embed.tensorrt_flavour import installed
from scopeside.stages.embed.tensorrt_library import TensorRtLibrary
from scopeside.stages.embed.torch_encoder import TorchEncoder

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(600)]

SHAPES = [((5, 1, 64, 64), "pool"), ((1, 1, 96, 64), "map"), ((3, 1, 33, 33), "pool")]
LEAST_COSINE = {"fp16": 0.999, "fp32": 0.9999}


@pytest.fixture(scope="module")
def engines(tmp_path_factory):
    return tmp_path_factory.mktemp("engines")


@pytest.fixture(scope="module")
def library():
    found = installed()
    if found.flavour is None:
        absent(found.reason, "gpu", "rtx")
    return TensorRtLibrary("cuda:0")


@pytest.fixture(params=["torch", "tensorrt"])
def encoder_of(request, weights, engines):
    def make(precision):
        if request.param == "torch":
            return TorchEncoder(weights, device="cuda:0", precision=precision)
        library = request.getfixturevalue("library")
        return TensorRtEncoder(
            weights, library, device="cuda:0", precision=precision, cache=engines
        )

    return make


def tiles_of(shape_BCHW, tiles, seed=3):
    batch, _, height, width = shape_BCHW
    chips = film_chips(tiles * batch, max(height, width), seed=seed)[:, :height, :width]
    return np.ascontiguousarray(chips).reshape(tiles, *shape_BCHW)


def host(encoder, shape_BCHW, head, tiles_TB1HW):
    out = np.full((len(tiles_TB1HW), *output_shape(shape_BCHW, head)), np.nan, np.float32)
    encoder.compile(shape_BCHW, head)(tiles_TB1HW, out)
    return out


def least_cosine(a, b):
    a, b = a.reshape(-1, 2048).astype(np.float64), b.reshape(-1, 2048).astype(np.float64)
    return ((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min()


@pytest.mark.parametrize("precision", LEAST_COSINE)
@pytest.mark.parametrize(("shape_BCHW", "head"), SHAPES)
def test_the_card_agrees_with_torch_in_float32(
    torch_encoder, encoder_of, shape_BCHW, head, precision
):
    tiles_TB1HW = tiles_of(shape_BCHW, 2)
    expected = host(torch_encoder, shape_BCHW, head, tiles_TB1HW)
    found = host(encoder_of(precision), shape_BCHW, head, tiles_TB1HW)
    assert least_cosine(found, expected) > LEAST_COSINE[precision]


@pytest.mark.parametrize(("shape_BCHW", "head"), SHAPES)
def test_a_program_captured_by_its_caller_gives_the_same_bits(encoder_of, shape_BCHW, head):
    program = encoder_of("fp16").device_program(3, shape_BCHW, head)
    graph = torch.cuda.CUDAGraph()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        program.run()
    stream.synchronize()
    with torch.cuda.graph(graph, stream=stream):
        program.run()
    for seed in (1, 2):
        program.input_TB1HW.copy_(torch.from_numpy(tiles_of(shape_BCHW, 3, seed)))
        torch.cuda.synchronize()
        with torch.cuda.stream(stream):
            program.run()
        stream.synchronize()
        alone = program.output_TBF.clone()
        program.output_TBF.fill_(-1)
        torch.cuda.synchronize()
        graph.replay()
        torch.cuda.synchronize()
        assert torch.equal(program.output_TBF, alone)


def test_a_run_allocates_nothing_and_repeats_its_bits(encoder_of):
    program = encoder_of("fp16").device_program(2, (5, 1, 64, 64), "pool")
    program.input_TB1HW.copy_(torch.from_numpy(tiles_of((5, 1, 64, 64), 2)))
    with torch.cuda.stream(torch.cuda.Stream()):
        program.run()
        torch.cuda.synchronize()
        first = program.output_TBF.clone()
        before = torch.cuda.memory_stats()["allocation.all.allocated"]
        for _ in range(5):
            program.run()
        torch.cuda.synchronize()
        assert torch.cuda.memory_stats()["allocation.all.allocated"] == before
        assert torch.equal(program.output_TBF, first)


def test_bytes_that_are_no_engine_are_refused(library):
    with pytest.raises(EngineRefusedError):
        library.load(b"no engine at all")


def test_an_engine_is_kept_and_gives_the_same_bits_when_loaded_again(weights, library, tmp_path):
    shape_BCHW = (5, 1, 64, 64)
    found = []
    for _ in range(2):
        encoder = TensorRtEncoder(
            weights, library, device="cuda:0", precision="fp16", cache=tmp_path
        )
        found.append(host(encoder, shape_BCHW, "pool", tiles_of(shape_BCHW, 1)))
    np.testing.assert_array_equal(*found)
    assert len(list((tmp_path / "engines").iterdir())) == 1


@pytest.mark.parametrize("backend", ["torch", "tensorrt"])
@pytest.mark.parametrize("mode", ["chips", "shared"])
def test_an_embedder_passes_its_parity_check_on_the_card(request, tmp_path, backend, mode):
    if backend == "tensorrt":
        request.getfixturevalue("library")
    settings = Settings(
        device="cuda",
        chips=ChipSettings(size_px=32),
        embed=EmbedSettings(backend=backend, mode=mode),
        service=ServiceSettings(cache=tmp_path, frame_shape=(128, 96)),
    )
    info = build_embedder(settings).info
    assert info.name.startswith(f"{mode}/")
    assert info.name.endswith("/fp16")
    assert info.device.startswith("cuda:0")
