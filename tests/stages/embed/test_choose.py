"""What embeds where, with a reason, and refusals in a sentence."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from scopeside.errors import BackendError, MissingExtraError
from scopeside.settings import EmbedSettings, Settings
from scopeside.stages.embed.choose import choose, native_precisions
from scopeside.stages.embed.tensorrt_flavour import FULL, RTX, Installed


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


@pytest.fixture
def tensorrt(monkeypatch):
    """Pretend that this flavour of TensorRT is installed, or none."""

    def pretend(flavour, reason="torch-tensorrt 2.13.0 is installed"):
        found = Installed(flavour=flavour, version="2.13.0", reason=reason)
        module = sys.modules["scopeside.stages.embed.choose"]  # its name is also a function's
        monkeypatch.setattr(module, "installed", lambda: found)

    return pretend


def test_gpu_without_tensorrt_takes_torch_in_half_precision_and_says_what_to_install(
    cards, tensorrt
):
    cards(1)
    tensorrt(None, "TensorRT is not installed")
    choice = choose(settings_for())
    assert (choice.backend, choice.device, choice.precision) == ("torch", "cuda:0", "fp16")
    assert choice.reasons[1] == (
        "backend torch: TensorRT is not installed (pip install 'scopeside[gpu]')"
    )


@pytest.mark.parametrize(
    ("flavour", "capability"), [(FULL, (9, 0)), (FULL, (8, 9)), (RTX, (8, 9)), (RTX, (12, 0))]
)
def test_gpu_takes_the_tensorrt_that_serves_it(cards, tensorrt, flavour, capability):
    cards(1, capability)
    tensorrt(flavour)
    for backend in ("auto", "tensorrt"):
        choice = choose(settings_for(backend=backend))
        assert (choice.backend, choice.device, choice.precision) == ("tensorrt", "cuda:0", "fp16")
    assert choose(settings_for(backend="torch")).backend == "torch"


def test_tensorrt_for_rtx_is_not_taken_for_a_card_of_a_data_centre(cards, tensorrt):
    cards(1, (9, 0))
    tensorrt(RTX)
    choice = choose(settings_for())
    assert choice.backend == "torch"
    assert "TensorRT for RTX does not serve cards of compute capability 9.0" in choice.reasons[1]
    with pytest.raises(BackendError, match=r"does not serve cards .*'scopeside\[gpu\]'"):
        choose(settings_for(backend="tensorrt"))


def test_tensorrt_that_is_asked_for_and_absent_is_refused_with_what_to_install(cards, tensorrt):
    cards(1, (8, 6))
    tensorrt(None, "torch-tensorrt 2.12.1 is older than 2.13")
    with pytest.raises(BackendError, match=r"asked for, but torch-tensorrt 2\.12\.1 is older"):
        choose(settings_for(backend="tensorrt"))


@pytest.mark.parametrize(
    ("count", "device", "reason"),
    [(0, "auto", "torch finds no NVIDIA GPU"), (1, "cpu", "device = cpu was asked for")],
)
def test_tensorrt_without_a_gpu_is_refused_and_says_why_there_is_none(
    cards, tensorrt, count, device, reason
):
    cards(count)
    tensorrt(FULL)
    with pytest.raises(BackendError, match=f"tensorrt needs an NVIDIA GPU, but .*{reason}"):
        choose(settings_for(device, backend="tensorrt"))


def test_tensorrt_computes_what_the_card_does(cards, tensorrt):
    cards(1, (7, 5))
    tensorrt(RTX)
    with pytest.raises(BackendError, match="tensorrt on this cuda:0 computes only fp16 and fp32"):
        choose(settings_for(backend="tensorrt", precision="bf16"))


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
