"""A card does all stages, or the encoder alone where something has no kernel."""

from __future__ import annotations

import importlib.util

import pytest

from scopeside.device import placement as module
from scopeside.device.placement import bound_memory, can_build_launchers, place
from scopeside.settings import Settings
from scopeside.stages.embed.choose import Choice

ON_CARD = Choice(backend="tensorrt", device="cuda:1", precision="fp16", reasons=())


@pytest.fixture(autouse=True)
def triton(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: True if name == "triton" else found(name)
    )
    monkeypatch.setattr(module, "can_build_launchers", lambda: True)


def test_all_stages_go_where_the_encoder_is():
    placement = place(Settings(), ON_CARD)
    assert placement.on_card
    assert placement.reason == "all stages but identities and descriptors on cuda:1"


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"on_device": "encoder"}, "asked for"),
        ({"embed": {"mode": "shared"}}, "shared"),
        ({"graph": {"edges": "threshold"}}, "threshold"),
        ({"preprocess": {"clahe": True}}, "clahe"),
        ({"preprocess": {"hot_pixel_sigma": 5}}, "hot_pixel"),
    ],
)
def test_what_has_no_kernel_leaves_the_encoder_alone_on_the_card(sections, words):
    placement = place(Settings.model_validate(sections), ON_CARD)
    assert not placement.on_card
    assert words in placement.reason
    assert "only the encoder on cuda:1" in placement.reason


def test_without_triton_or_in_bf16_the_encoder_is_alone(monkeypatch):
    bf16 = Choice(backend="torch", device="cuda:0", precision="bf16", reasons=())
    assert "bf16" in place(Settings(), bf16).reason
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "Triton" in place(Settings(), ON_CARD).reason


def test_without_what_triton_builds_launchers_with_the_encoder_is_alone(monkeypatch):
    monkeypatch.setattr(module, "can_build_launchers", lambda: False)
    assert "C compiler" in place(Settings(), ON_CARD).reason


@pytest.mark.parametrize(
    ("compiler", "headers", "can"),
    [("gcc", True, True), (None, True, False), ("gcc", False, False)],
)
def test_launchers_need_a_compiler_and_pythons_headers(
    monkeypatch, tmp_path, compiler, headers, can
):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr("shutil.which", lambda name: compiler if name == compiler else None)
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    if headers:
        (tmp_path / "Python.h").touch()
    assert can_build_launchers() == can
    monkeypatch.setenv("CC", "cc")
    assert can_build_launchers() == headers


@pytest.mark.parametrize(("backend", "device"), [("openvino", "cpu"), ("null", "cpu")])
def test_on_the_cpu_everything_is(backend, device):
    choice = Choice(backend=backend, device=device, precision="fp32", reasons=())
    assert not place(Settings(), choice).on_card


@pytest.mark.parametrize(("share", "asked"), [(1.0, []), (0.25, [(0.25, "cuda:1")])])
def test_torch_is_held_to_a_share_of_the_gpus_memory(monkeypatch, share, asked):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    found = []
    monkeypatch.setattr(
        torch.cuda,
        "set_per_process_memory_fraction",
        lambda fraction, device: found.append((fraction, str(device))),
    )
    bound_memory(Settings(device_memory=share), ON_CARD)
    bound_memory(
        Settings(device_memory=share),
        Choice(backend="torch", device="cpu", precision="fp32", reasons=()),
    )
    assert found == asked
