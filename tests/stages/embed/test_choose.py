"""What embeds where, with a reason, and refusals in a sentence."""

from __future__ import annotations

import importlib.util

import pytest

from scopeside.errors import BackendError, MissingExtraError
from scopeside.settings import EmbedSettings, Settings
from scopeside.stages.embed.choose import choose, native_precisions


def settings_for(device="auto", **embed):
    return Settings(device=device, embed=EmbedSettings(**embed))


@pytest.fixture
def without(monkeypatch):
    """Hide packages and cards from the choice."""
    found = importlib.util.find_spec

    def hide(*names):
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name: None if name in names else found(name)
        )

    return hide


@pytest.fixture
def cards(monkeypatch):
    """Pretend that torch sees this many cards of this compute capability."""

    def pretend(count, capability=(9, 0)):
        monkeypatch.setattr("torch.cuda.is_available", lambda: count > 0)
        monkeypatch.setattr("torch.cuda.device_count", lambda: count)
        monkeypatch.setattr("torch.cuda.get_device_capability", lambda device: capability)

    return pretend


def test_cpu_takes_openvino_in_its_fastest_native_precision(cards):
    cards(0)
    choice = choose(settings_for())
    assert (choice.backend, choice.device) == ("openvino", "cpu")
    assert choice.precision == native_precisions("openvino", "cpu")[0]
    assert len(choice.reasons) == 3
    assert "torch finds no NVIDIA GPU" in choice.reasons[0]


def test_without_openvino_the_cpu_takes_torch_and_says_how_to_get_it(cards, without):
    cards(0)
    without("openvino")
    choice = choose(settings_for())
    assert choice.backend == "torch"
    assert "OpenVINO is not installed" in choice.reasons[1]
    with pytest.raises(BackendError, match=r"OpenVINO is not installed.*pip install"):
        choose(settings_for(backend="openvino"))


def test_gpu_takes_torch_in_half_precision(cards):
    cards(1)
    choice = choose(settings_for())
    assert (choice.backend, choice.device, choice.precision) == ("torch", "cuda:0", "fp16")


def test_cards_without_bf16_units_refuse_it(cards):
    cards(1, capability=(7, 5))
    with pytest.raises(BackendError, match=r"precision = bf16 .* only fp16 and fp32 natively"):
        choose(settings_for(precision="bf16"))


@pytest.mark.parametrize(("count", "device"), [(0, "cuda"), (1, "cuda:1")])
def test_card_asked_for_but_absent_is_refused(cards, count, device):
    cards(count)
    with pytest.raises(BackendError, match=rf"device = {device} was asked for, but torch finds"):
        choose(settings_for(device))


def test_openvino_on_a_gpu_is_refused_and_auto_device_gives_it_the_cpu(cards):
    cards(1)
    with pytest.raises(BackendError, match="runs on the CPU, not on cuda:0"):
        choose(settings_for("cuda", backend="openvino"))
    assert choose(settings_for(backend="openvino")).device == "cpu"


def test_settings_asked_for_by_name_are_kept(cards):
    cards(0)
    choice = choose(settings_for("cpu", backend="torch", precision="fp32"))
    assert (choice.backend, choice.device, choice.precision) == ("torch", "cpu", "fp32")
    assert all("was asked for" in reason for reason in choice.reasons)


def test_precision_that_the_cpu_would_emulate_is_refused(cards, monkeypatch):
    cards(0)
    monkeypatch.setattr("torch.cpu.get_capabilities", dict, raising=False)
    assert choose(settings_for(backend="torch")).precision == "fp32"
    with pytest.raises(BackendError, match="bf16 was asked for, but torch on this cpu computes"):
        choose(settings_for(backend="torch", precision="bf16"))


def test_without_torch_the_missing_extra_is_named_but_null_needs_none(without):
    without("torch", "openvino")
    with pytest.raises(MissingExtraError, match=r"pip install 'scopeside\[cpu\]'"):
        choose(settings_for())
    assert choose(settings_for(backend="null")).backend == "null"
