"""`scopeside engine`: what is built, listed and cleared, with a stand-in for TensorRT."""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import replace

import pytest

pytest.importorskip("torch", reason="needs the engine")

from engine_samples import KEY, MACHINE
from scopeside.cli import main
from scopeside.errors import BackendError
from scopeside.stages import embed
from scopeside.stages.embed.choose import Choice
from scopeside.stages.embed.engine_cache import EngineCache
from scopeside.stages.embed.folded import FOLDED_VERSION
from scopeside.testing.engines import FakeEngineLibrary

HERE = replace(KEY, network=FOLDED_VERSION)


@pytest.fixture(autouse=True)
def log():
    """The command sets up logging for its process; this process is ours."""
    logger = logging.getLogger("scopeside")
    before = logger.handlers, logger.propagate, logger.level
    yield
    logger.handlers, logger.propagate = before[:2]
    logger.setLevel(before[2])


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SCOPESIDE_SERVICE__CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def no_card(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)


@pytest.fixture
def library(monkeypatch):
    """A machine with a stand-in for TensorRT, whose parity with torch is not looked at."""
    library = FakeEngineLibrary(MACHINE)
    choice = Choice(backend="tensorrt", device="cpu", precision="fp16", reasons=())
    monkeypatch.setattr(embed, "choose", lambda settings: choice)
    monkeypatch.setattr(
        "scopeside.stages.embed.tensorrt_library.TensorRtLibrary", lambda device: library
    )
    monkeypatch.setattr("scopeside.stages.embed.tensorrt_encoder.FoldedTrunk", Nothing)
    monkeypatch.setattr("scopeside.stages.embed.parity.require_parity", lambda *_, **__: None)
    monkeypatch.setattr("scopeside.stages.embed.torch_encoder.TorchEncoder", NoYardstick)
    return library


class Nothing(sys.modules["torch"].nn.Module):
    def __init__(self, *_, **__):
        super().__init__()


class NoYardstick:
    name, device, precision = "none", "cpu", "fp32"

    def __init__(self, weights):
        pass

    def compile(self, shape_BCHW, head):
        return lambda tiles, out: None


def test_build_makes_the_engines_of_every_shape_and_says_what_was_here(cache, library, capsys):
    sets = ["--set", "chips.size_px=32", "--set", "embed.batch=8"]
    assert main(["engine", "build", "--shape", "96x64", "--shape", "48x48", *sets]) == 0
    first, engine, second, other = capsys.readouterr().out.splitlines()
    assert first == (
        "frames of 96 x 64: chips/torch-tensorrt-2.13.0/fp16 on cpu,"
        " checked against torch in float32"
    )
    assert engine.startswith("  8 x 1 x 32 x 32 pool fp16: built in ")
    assert second.startswith("frames of 48 x 48: ")
    assert other.startswith("  4 x 1 x 32 x 32 pool fp16: built in ")
    assert library.built == [(8, 1, 32, 32), (4, 1, 32, 32)]

    assert main(["engine", "build", "--shape", "96x64", *sets]) == 0
    assert "  8 x 1 x 32 x 32 pool fp16: was here already, " in capsys.readouterr().out
    assert len(library.built) == 2


def test_build_takes_the_frame_shape_of_the_settings(cache, library, capsys):
    sets = ["service.frame_shape=[64,48]", "chips.size_px=32", "embed.batch=1024"]
    assert main(["engine", "build", *(f"--set={one}" for one in sets)]) == 0
    assert capsys.readouterr().out.startswith("frames of 64 x 48: ")
    assert library.built == [(6, 1, 32, 32)]


def test_build_without_a_gpu_is_exit_code_7_in_one_sentence(cache, no_card, capsys):
    assert main(["engine", "build"]) == 7
    (sentence,) = capsys.readouterr().err.splitlines()
    assert (
        "embed.backend = tensorrt needs an NVIDIA GPU, but device cpu: torch finds no" in sentence
    )
    assert not cache.exists()


def test_build_that_could_keep_nothing_is_exit_code_5(cache, library, capsys):
    cache.write_text("a file")
    assert main(["engine", "build"]) == 5
    assert f"Engines cannot be kept in {cache / 'engines'}" in capsys.readouterr().err
    assert library.built == []


def test_list_says_where_nothing_is(cache, capsys):
    assert main(["engine", "list"]) == 0
    assert capsys.readouterr().out == f"No engines are kept in {cache / 'engines'}\n"
    assert not cache.exists()


def test_list_tells_shape_size_age_card_and_what_keeps_an_engine_from_running_here(
    cache, library, capsys
):
    kept = EngineCache(cache)
    kept.save(HERE, b"x" * 2_000_000, build_s=40.0)
    kept.save(replace(HERE, head="map", machine=replace(MACHINE, driver="1.0")), b"x", build_s=1)
    other = replace(MACHINE, gpu="Other", capability="7.5")
    kept.save(replace(HERE, machine=other), b"x", build_s=1.0)
    (kept.folder / "torn.engine").write_bytes(b"torn")
    os.utime(kept.folder / f"{HERE.entry}.engine", ns=(0, 0))
    os.utime(kept.folder / "torn.engine", ns=(1, 1))
    assert main(["engine", "list"]) == 0
    heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.split("  ")[0] == "ENGINE"
    by_fit = {row.split("  ")[-1].strip(): row for row in rows[:4]}
    assert by_fit["yes"].startswith("4 x 1 x 64 x 64 pool fp16  2.0 MB ")
    assert "Fake RTX 9000 (8.9)" in by_fit["yes"]
    assert "0 s ago" in by_fit["yes"]
    assert "d ago" in by_fit["yes"]
    assert "4 x 1 x 64 x 64 map fp16" in by_fit["no: driver 1.0, now 580.95.05"]
    assert "no: gpu Other, now Fake RTX 9000; capability 7.5, now 8.9" in by_fit
    assert by_fit["no: damaged"].startswith("torn.engine")
    assert rows[-1] == f"4 engines, 2.0 MB, in {kept.folder}"


def test_list_on_a_machine_without_a_gpu_says_that_none_fits_and_why(cache, no_card, capsys):
    EngineCache(cache).save(HERE, b"engine", build_s=1.0)
    assert main(["engine", "list"]) == 0
    *_, row, _, total, why = capsys.readouterr().out.splitlines()
    assert row.endswith("  no")
    assert total.startswith("1 engine, ")
    assert why.startswith("None fits this machine: embed.backend = tensorrt needs an NVIDIA GPU")


def test_list_says_where_the_library_cannot_be_loaded(cache, library, monkeypatch, capsys):
    def broken(device):
        raise BackendError("TensorRT cannot be loaded (no libnvinfer).")

    monkeypatch.setattr("scopeside.stages.embed.tensorrt_library.TensorRtLibrary", broken)
    EngineCache(cache).save(HERE, b"engine", build_s=1.0)
    assert main(["engine", "list"]) == 0
    assert "None fits this machine: TensorRT cannot be loaded" in capsys.readouterr().out


def test_clear_deletes_every_engine_and_nothing_else(cache, capsys):
    kept = EngineCache(cache)
    kept.save(HERE, b"x" * 1_000_000, build_s=1.0)
    (kept.folder / "torn.engine").write_bytes(b"x" * 500_000)
    (kept.folder / ".part-of-a-killed-build").write_bytes(b"x")
    (cache / "other.compiled").write_bytes(b"x")
    assert main(["engine", "clear"]) == 0
    assert capsys.readouterr().out == f"2 engines deleted, 1.5 MB, from {kept.folder}\n"
    assert list(kept.folder.iterdir()) == []
    assert (cache / "other.compiled").exists()
    assert main(["engine", "clear"]) == 0
    assert capsys.readouterr().out.startswith("0 engines deleted")


def test_a_shape_that_is_none_is_exit_code_2(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["engine", "build", "--shape", "512"])
    assert ended.value.code == 2
    assert "'512' is no shape: write 512x512" in capsys.readouterr().err
