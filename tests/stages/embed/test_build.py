"""The embedder that the settings describe."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from scopeside.errors import BackendError, WeightsError
from scopeside.messages import ChipGrid
from scopeside.settings import ChipSettings, EmbedSettings, ServiceSettings, Settings
from scopeside.stages import embed
from scopeside.stages.embed import Choice, build_embedder
from scopeside.stages.embed.simulated import film_image


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
