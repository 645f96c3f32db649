"""The embedder that the settings describe."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from engine_samples import MACHINE
from scopeside.errors import BackendError, DeviceMemoryError, WeightsError
from scopeside.messages import ChipGrid
from scopeside.settings import ChipSettings, EmbedSettings, ServiceSettings, Settings
from scopeside.stages import embed
from scopeside.stages.embed import Choice, build_embedder
from scopeside.stages.embed.resnet50 import GreyResNet50, from_state
from scopeside.stages.embed.simulated import film_image
from scopeside.stages.embed.torch_encoder import TorchEncoder
from scopeside.testing.engines import FakeEngineLibrary


def settings_for(cache=None, **values):
    return Settings(
        device="cpu",
        chips=ChipSettings(size_px=32),
        embed=EmbedSettings(**{"batch": 8, **values}),
        service=ServiceSettings(cache=cache),
    )


@pytest.mark.parametrize("mode", ["chips", "shared"])
@pytest.mark.parametrize("backend", ["openvino", "torch"])
def test_every_mode_and_backend_embeds_a_frame(tmp_path, mode, backend):
    embedder = build_embedder(settings_for(tmp_path / "cache", mode=mode, backend=backend))
    grid = ChipGrid(shape=(96, 64), chip_px=32, stride_px=16)
    embedder.plan(grid)
    found_ND = embedder.embed(embedder.prepare(film_image((96, 64), seed=0), grid), grid)
    assert found_ND.shape == (15, embedder.info.features)
    assert np.isfinite(found_ND).all()
    assert embedder.info.name.split("/")[:2][0] == mode
    assert backend in embedder.info.name
    assert embedder.info.weights_name == "builtin-v1"


def test_backend_that_fails_its_parity_check_is_not_handed_out(tmp_path, monkeypatch):
    from stages_embed_fakes import FakeEncoder

    monkeypatch.setattr(embed, "build_encoder", lambda *_: FakeEncoder())
    with pytest.raises(BackendError, match=r"chips/fake/fp32 disagrees with chips/torch"):
        build_embedder(settings_for(tmp_path / "cache", backend="openvino", precision="bf16"))


def test_a_fast_precision_that_was_not_asked_for_gives_way_to_fp32(tmp_path, monkeypatch, caplog):
    from stages_embed_fakes import FakeEncoder

    real = embed.build_encoder
    fast = Choice(backend="openvino", device="cpu", precision="bf16", reasons=())
    full = Choice(backend="openvino", device="cpu", precision="fp32", reasons=())
    monkeypatch.setattr(
        embed, "choose", lambda settings: full if settings.embed.precision == "fp32" else fast
    )
    monkeypatch.setattr(
        embed,
        "build_encoder",
        lambda settings, choice, weights: (
            FakeEncoder() if choice is fast else real(settings, choice, weights)
        ),
    )
    embedder = build_embedder(settings_for(tmp_path / "cache", backend="openvino"))
    assert embedder.info.name.endswith("fp32")
    assert "computing in fp32" in caplog.text


@pytest.fixture
def tensorrt(monkeypatch, weights):
    """Let TensorRT be chosen, and a stand-in that computes the real network take its place."""
    network = GreyResNet50(from_state(weights.state), "pool")
    library = FakeEngineLibrary(MACHINE, network=lambda x: network(x.to(torch.float32)))
    real = embed.choose

    def choose(settings):
        if settings.embed.backend not in ("auto", "tensorrt"):
            return real(settings)
        precision = "fp16" if settings.embed.precision == "auto" else settings.embed.precision
        return Choice(backend="tensorrt", device="cpu", precision=precision, reasons=())

    monkeypatch.setattr(embed, "choose", choose)
    monkeypatch.setattr(
        "scopeside.stages.embed.tensorrt_library.TensorRtLibrary", lambda device: library
    )
    monkeypatch.setattr(
        "scopeside.stages.embed.tensorrt_encoder.FoldedTrunk", lambda *_, **__: torch.nn.Identity()
    )
    return library


def expecting(settings, shape):
    return settings.model_copy(
        update={"service": settings.service.model_copy(update={"frame_shape": shape})}
    )


def test_tensorrt_is_checked_against_torch_and_has_equal_tiles_of_the_expected_frame(
    tmp_path, tensorrt
):
    settings = expecting(settings_for(tmp_path, backend="tensorrt"), (96, 64))
    embedder = build_embedder(settings)
    assert embedder.info.name == "chips/torch-tensorrt-2.13.0/fp16"
    assert tensorrt.built == [(8, 1, 32, 32)]  # 15 chips, at most 8 in a tile: 8 and 7


def test_a_tensorrt_that_computes_something_else_is_refused(tmp_path, tensorrt, monkeypatch):
    monkeypatch.setattr(tensorrt, "_network", None)
    settings = expecting(settings_for(tmp_path, backend="tensorrt", precision="fp32"), (96, 64))
    with pytest.raises(BackendError, match=r"tensorrt-2\.13\.0/fp32 disagrees with chips/torch"):
        build_embedder(settings)


def test_in_shared_mode_the_expected_frame_has_its_engine_and_no_other_is_built_later(
    tmp_path, tensorrt, monkeypatch, caplog, weights
):
    network = GreyResNet50(from_state(weights.state), "map")
    monkeypatch.setattr(tensorrt, "_network", lambda x: network(x.to(torch.float32)))
    settings = expecting(settings_for(tmp_path, backend="tensorrt", mode="shared"), (96, 64))
    embedder = build_embedder(settings)
    assert (1, 1, 96, 64) in tensorrt.built
    before = list(tensorrt.built)
    monkeypatch.setattr(
        "scopeside.stages.embed.tensorrt_encoder.TorchEncoder",
        lambda weights, **_: TorchEncoder(weights),
    )
    embedder.plan(ChipGrid(shape=(64, 96), chip_px=32, stride_px=16))
    assert tensorrt.built == before
    assert "no engine 1 x 1 x 64 x 96 map fp16 is kept" in caplog.text


def test_a_tensorrt_that_was_not_asked_for_and_cannot_build_gives_way_to_torch(
    tmp_path, tensorrt, caplog
):
    tensorrt.broken = True
    embedder = build_embedder(expecting(settings_for(tmp_path, precision="fp32"), (96, 64)))
    assert embedder.info.name == f"chips/torch-{torch.__version__}/fp32"
    assert "computing by torch" in caplog.text
    with pytest.raises(BackendError, match="cannot build"):
        build_embedder(expecting(settings_for(tmp_path, backend="tensorrt"), (96, 64)))


def test_where_not_even_a_tile_of_one_fits_nothing_else_is_tried(tmp_path, tensorrt):
    tensorrt.memory = 0
    with pytest.raises(DeviceMemoryError, match="does not hold 1 inputs"):
        build_embedder(expecting(settings_for(tmp_path), (96, 64)))


def test_null_backend_needs_no_weights():
    assert build_embedder(settings_for(backend="null", weights="absent.pth")).info.name == "null"


def test_unusable_weights_are_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"absent\.pth"):
        build_embedder(settings_for(tmp_path, weights=str(tmp_path / "absent.pth")))


def test_a_name_is_looked_for_in_the_cache_of_the_settings_and_not_fetched(tmp_path):
    with pytest.raises(WeightsError, match=rf"at {tmp_path}/weights/.* by hand"):
        build_embedder(settings_for(tmp_path, weights="micronet"))


def test_weights_with_another_hash_than_the_settings_demand_are_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"not 1{64}, as embed\.weights_sha256"):
        build_embedder(settings_for(tmp_path, weights_sha256="1" * 64))


def test_threads_setting_reaches_torch():
    # In a process of its own: torch's thread count belongs to the whole process.
    code = (
        "import torch\n"
        "from scopeside.settings import EmbedSettings, Settings\n"
        "from scopeside.stages.embed import build_embedder\n"
        "build_embedder(Settings(device='cpu', embed=EmbedSettings(backend='torch',"
        " precision='fp32', threads=3)))\n"
        "raise SystemExit(0 if torch.get_num_threads() == 3 else 1)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=100).returncode == 0


def test_importing_the_stage_imports_neither_torch_nor_openvino():
    code = (
        "import sys\nimport scopeside.stages.embed\n"
        "raise SystemExit(1 if {'torch', 'openvino', 'scipy'} & set(sys.modules) else 0)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=100).returncode == 0
