import sys

import pytest

from scopeside.checks import gpu
from scopeside.configuration import load_settings

pytest.importorskip("torch", reason="needs the engine")

from scopeside.stages.embed.choose import Choice
from scopeside.stages.embed.tensorrt_flavour import RTX, Installed


@pytest.fixture
def settings(tmp_path):
    return load_settings(sets=[f"service.cache={tmp_path}"]).settings


@pytest.fixture
def card(monkeypatch):
    """Pretend a card of this compute capability, this backend for it, and what is installed."""

    def pretend(backend, *, capability=(9, 0), flavour=None, reason="TensorRT is not installed"):
        choice = Choice(backend=backend, device="cuda:0", precision="fp16", reasons=())
        found = Installed(flavour=flavour, version="", reason=reason)
        monkeypatch.setattr(
            sys.modules["scopeside.stages.embed.choose"], "choose", lambda settings: choice
        )
        monkeypatch.setattr("torch.cuda.get_device_capability", lambda device: capability)
        monkeypatch.setattr("torch.cuda.get_device_name", lambda device: "a card of the test")
        monkeypatch.setattr("scopeside.stages.embed.tensorrt_flavour.installed", lambda: found)

    return pretend


def found_for(settings):
    return {finding.name: finding for finding in gpu.tensorrt(settings)}


def test_a_machine_that_embeds_on_its_cpu_is_told_nothing(settings):
    on_cpu = settings.model_copy(update={"device": "cpu"})
    assert list(gpu.tensorrt(on_cpu)) == []


def test_settings_that_cannot_be_met_are_left_to_the_finding_that_says_so(settings):
    embed = settings.embed.model_copy(update={"backend": "tensorrt"})
    asked = settings.model_copy(update={"device": "cpu", "embed": embed})
    assert list(gpu.tensorrt(asked)) == []


def test_without_tensorrt_it_says_what_runs_instead_what_it_costs_and_how_to_get_it(settings, card):
    card("torch")
    finding = found_for(settings)["tensorrt"]
    assert finding.ok is None
    assert finding.value == (
        "TensorRT is not installed: torch runs the network in fp16, without fusing it, which is "
        "slower and needs nothing built; to have TensorRT, pip install 'scopeside[gpu]'"
    )


def test_a_flavour_that_does_not_serve_the_card_is_named(settings, card):
    card("torch", flavour=RTX, reason="torch-tensorrt-rtx 2.13.0 is installed")
    assert found_for(settings)["tensorrt"].value.startswith(
        "TensorRT for RTX does not serve this card: torch runs"
    )


def test_torch_that_was_asked_for_is_not_called_a_lack(settings, card):
    card("torch")
    embed = settings.embed.model_copy(update={"backend": "torch"})
    assert set(found_for(settings.model_copy(update={"embed": embed}))) == {"driver", "louvain"}


def test_with_tensorrt_it_tells_of_its_engines_and_how_to_build_them_beforehand(settings, card):
    card("tensorrt")
    folder = settings.service.cache / "engines"
    assert f"0 kept in {folder}, 0 MB" in found_for(settings)["engines"].value
    folder.mkdir()
    (folder / "one.engine").write_bytes(b"x" * 3_000_000)
    value = found_for(settings)["engines"].value
    assert f"1 kept in {folder}, 3 MB" in value
    assert "`scopeside engine build`" in value


def test_a_folder_of_engines_that_cannot_be_read_is_wrong(settings, card, monkeypatch):
    card("tensorrt")

    def closed(folder):
        raise PermissionError(13, "Permission denied")
        yield

    monkeypatch.setattr("scopeside.stages.embed.engine_cache.entries", closed)
    finding = found_for(settings)["engines"]
    assert finding.ok is False
    assert "Permission denied" in finding.value
    assert "service.cache" in finding.fix


@pytest.mark.parametrize(
    ("version", "words"),
    [("580.95.05", "580.95.05"), ("unknown", "nvidia-ml-py an engine is not built anew")],
)
def test_the_driver_is_named_or_what_is_lost_without_it(
    settings, card, monkeypatch, version, words
):
    card("torch")
    monkeypatch.setattr("scopeside.stages.embed.driver.driver_version", lambda: version)
    assert words in found_for(settings)["driver"].value


@pytest.mark.parametrize("missing", [(), ("cupy", "rmm")])
def test_it_says_whether_the_choice_of_louvain_was_measured_here(
    settings, card, monkeypatch, missing
):
    card("torch")
    monkeypatch.setattr("scopeside.device.engines.packages.missing_packages", lambda: missing)
    finding = found_for(settings)["louvain"]
    assert "not measured on this card" in finding.value
    assert ("cuGraph lacks cupy, rmm" in finding.value) == bool(missing)


def test_of_louvain_nothing_is_said_where_only_the_encoder_is_on_the_card(settings, card):
    card("torch")
    assert "louvain" not in found_for(settings.model_copy(update={"on_device": "encoder"}))
