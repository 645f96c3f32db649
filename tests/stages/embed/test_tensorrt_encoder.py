"""The TensorRT encoder around a stand-in for TensorRT: build, keep, load, refuse, seal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from engine_samples import MACHINE
from scopeside.errors import BackendError, DeviceMemoryError
from scopeside.stages.embed.chips import ChipsEmbedder
from scopeside.stages.embed.encoder import output_shape
from scopeside.stages.embed.folded import FoldedTrunk
from scopeside.stages.embed.tensorrt_encoder import TensorRtEncoder
from scopeside.testing.engines import FakeEngineLibrary

SHAPE = (4, 1, 64, 64)


@pytest.fixture(scope="module")
def trunk(weights):
    """Fold the weights once: what is tested here is not in them."""
    return FoldedTrunk(weights.state, dtype=torch.float16, device="cpu")


@pytest.fixture(autouse=True)
def folded_once(monkeypatch, trunk):
    monkeypatch.setattr(
        "scopeside.stages.embed.tensorrt_encoder.FoldedTrunk", lambda *_, **__: trunk
    )


@pytest.fixture
def library():
    return FakeEngineLibrary(MACHINE)


@pytest.fixture
def encoder(weights, library, tmp_path):
    return encoder_of(weights, library, tmp_path)


def encoder_of(weights, library, folder, precision="fp16"):
    return TensorRtEncoder(weights, library, device="cpu", precision=precision, cache=folder)


def entry(folder):
    (path,) = (folder / "engines").iterdir()
    return path


def test_an_engine_is_built_once_and_loaded_by_every_later_start(
    weights, library, encoder, tmp_path
):
    encoder.compile(SHAPE, "pool")
    encoder.compile(SHAPE, "pool")
    encoder_of(weights, library, tmp_path).compile(SHAPE, "pool")
    assert library.built == [SHAPE]
    assert entry(tmp_path).suffix == ".engine"


def test_other_shapes_heads_precisions_and_weights_have_engines_of_their_own(
    weights, library, tmp_path
):
    for precision in ("fp16", "fp32"):
        encoder_of(weights, library, tmp_path, precision).compile(SHAPE, "pool")
    encoder_of(weights, library, tmp_path).compile(SHAPE, "map")
    encoder_of(weights, library, tmp_path).compile((2, 1, 64, 64), "pool")
    other = replace(weights, sha256="f" * 64)
    encoder_of(other, library, tmp_path).compile(SHAPE, "pool")
    assert len(library.built) == len(list((tmp_path / "engines").iterdir())) == 5


@pytest.mark.parametrize("damage", ["cut", "an update", "refused"])
def test_an_engine_that_cannot_be_used_is_built_anew_with_one_line(
    weights, library, encoder, tmp_path, caplog, damage
):
    encoder.compile(SHAPE, "pool")
    caplog.clear()
    if damage == "cut":
        path = entry(tmp_path)
        path.write_bytes(path.read_bytes()[:-1])
    elif damage == "an update":
        library.machine = replace(MACHINE, driver="600.1")
    else:
        library.refuse_next = True
    again = encoder_of(weights, library, tmp_path)
    again.compile(SHAPE, "pool")
    assert library.built == [SHAPE, SHAPE]
    assert [record.levelname for record in caplog.records].count("WARNING") == 1
    assert "the kept engine 4 x 1 x 64 x 64 pool fp16 is not used: " in caplog.text
    library.built.clear()
    encoder_of(weights, library, tmp_path).compile(SHAPE, "pool")
    assert library.built == []


def test_an_engine_of_another_shape_under_the_right_name_is_built_anew(
    weights, library, encoder, tmp_path, caplog, monkeypatch
):
    other = b'{"shape": [5, 1, 64, 64], "head": "pool", "dtype": "torch.float16"}'
    monkeypatch.setattr(
        "scopeside.stages.embed.engine_cache.EngineCache.load", lambda self, key: other
    )
    encoder.compile(SHAPE, "pool")
    assert library.built == [SHAPE]
    assert "it takes (5, 1, 64, 64) to (5, 2048)" in caplog.text


@pytest.mark.parametrize("head", ["pool", "map"])
def test_host_and_device_programs_give_the_same_whatever_the_number_of_tiles(encoder, head):
    tiles_TB1HW = np.random.default_rng(0).random((3, *SHAPE), dtype=np.float32)
    out = np.full((3, *output_shape(SHAPE, head)), np.nan, np.float32)
    encoder.compile(SHAPE, head)(tiles_TB1HW, out)

    program = encoder.device_program(3, SHAPE, head)
    program.input_TB1HW.copy_(torch.from_numpy(tiles_TB1HW))
    program.run()

    assert program.input_TB1HW.dtype == torch.float16
    np.testing.assert_array_equal(program.output_TBF.to(torch.float32).numpy(), out)
    assert len(np.unique(out.reshape(3 * 4, -1), axis=0)) == 12


def test_tiles_whose_bytes_are_not_aligned_are_run_all_the_same(weights, library, tmp_path):
    encoder = encoder_of(weights, library, tmp_path, "fp32")
    shape_BCHW = (3, 1, 33, 33)  # 13068 bytes: the second tile begins at no multiple of 64
    program = encoder.device_program(2, shape_BCHW, "pool")
    tiles = torch.rand((2, *shape_BCHW), generator=torch.Generator().manual_seed(1))
    program.input_TB1HW.copy_(tiles)
    program.run()
    for tile_B1HW, found_BF in zip(tiles, program.output_TBF, strict=True):
        alone = encoder.device_program(1, shape_BCHW, "pool")
        alone.input_TB1HW[0].copy_(tile_B1HW)
        alone.run()
        torch.testing.assert_close(found_BF, alone.output_TBF[0], rtol=0, atol=0)


def test_programs_that_differ_in_their_tiles_alone_share_an_engine(library, encoder):
    kept = [encoder.device_program(tiles, SHAPE, "pool") for tiles in (1, 2, 5)]
    assert len(kept) == 3
    assert len(library.loaded) == 1


def test_after_sealing_nothing_is_built_and_torch_runs_what_has_no_engine(
    weights, library, encoder, torch_encoder, caplog
):
    encoder.compile(SHAPE, "pool")
    encoder.seal()
    library.built.clear()
    shape_BCHW = (1, 1, 32, 32)
    tiles_TB1HW = np.random.default_rng(0).random((1, *shape_BCHW), dtype=np.float32)
    found, expected = (np.empty((1, 1, 2048), np.float32) for _ in range(2))
    encoder.compile(shape_BCHW, "pool")(tiles_TB1HW, found)
    torch_encoder.compile(shape_BCHW, "pool")(tiles_TB1HW, expected)
    assert library.built == []
    np.testing.assert_allclose(found, expected, rtol=0.02, atol=0.02)
    assert "no engine 1 x 1 x 32 x 32 pool fp16 is kept" in caplog.text
    assert "`scopeside engine build`" in caplog.text


def test_after_sealing_a_kept_engine_is_still_loaded(weights, library, encoder, tmp_path):
    encoder.compile(SHAPE, "pool")
    later = encoder_of(weights, library, tmp_path)
    later.seal()
    later.compile(SHAPE, "pool")
    assert library.built == [SHAPE]
    assert library.loaded == [SHAPE, SHAPE]


def test_chips_take_smaller_tiles_where_the_engine_does_not_fit(weights, tmp_path, caplog):
    library = FakeEngineLibrary(MACHINE, memory=5)
    encoder = encoder_of(weights, library, tmp_path)
    embedder = ChipsEmbedder(encoder, weights, input_px=32, batch=18)
    assert library.built == [(5, 1, 32, 32)]
    assert "tiles of 18 do not fit" in caplog.text
    assert "tiles of 5 are tried" in caplog.text
    assert embedder._batch == 5


def test_an_engine_that_does_not_fit_at_all_or_cannot_be_built_is_an_error(weights, tmp_path):
    library = FakeEngineLibrary(MACHINE, memory=0)
    with pytest.raises(DeviceMemoryError):
        ChipsEmbedder(encoder_of(weights, library, tmp_path), weights, input_px=32, batch=4)
    library = FakeEngineLibrary(MACHINE)
    library.broken = True
    with pytest.raises(BackendError, match="cannot build"):
        encoder_of(weights, library, tmp_path).compile(SHAPE, "pool")
    assert list((tmp_path / "engines").iterdir()) == []


def test_an_engine_that_is_refused_when_it_was_just_built_is_an_error_and_not_kept(
    library, encoder, tmp_path
):
    library.refuse_next = True
    with pytest.raises(BackendError, match=r"was built and cannot be used: the fake library"):
        encoder.compile(SHAPE, "pool")
    assert list((tmp_path / "engines").iterdir()) == []


def test_it_says_what_it_is(encoder):
    assert encoder.name == "torch-tensorrt-2.13.0"
    assert (encoder.device, encoder.precision) == ("cpu", "fp16")


def test_a_build_is_announced_and_its_time_told(encoder, caplog):
    caplog.set_level("INFO", logger="scopeside")
    encoder.compile(SHAPE, "pool")
    begun, done = (record for record in caplog.records if record.levelname == "INFO")
    assert begun.message.startswith("building the engine 4 x 1 x 64 x 64 pool fp16")
    assert done.build_s >= 0
