"""A card's figures, by a stand-in for NVML."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install 'scopeside[cpu]'")

import torch

from scopeside.device import meter
from scopeside.device.card import CardMemory
from scopeside.device.meter import NvmlMeter, figures, meter_of


class NVMLError(Exception):
    pass


def nvml(*, lacking=()):
    """A module like pynvml for one card; what is named in `lacking` the card does not tell."""

    def told(name, value):
        def ask(handle, *which):
            assert handle == "handle of GPU-7"
            if name in lacking:
                raise NVMLError("Not Supported")
            return value[which[0]] if which else value

        return ask

    return SimpleNamespace(
        NVMLError=NVMLError,
        NVML_TEMPERATURE_GPU=0,
        NVML_CLOCK_SM=1,
        NVML_CLOCK_MEM=2,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=lambda uuid: f"handle of {uuid}",
        nvmlDeviceGetUtilizationRates=told("use", SimpleNamespace(gpu=83, memory=12)),
        nvmlDeviceGetPowerUsage=told("power", 512_345),
        nvmlDeviceGetTemperature=told("temperature", {0: 61}),
        nvmlDeviceGetClockInfo=told("clock", {1: 1980, 2: 3201}),
    )


def test_figures_are_in_the_units_that_their_names_say(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", nvml())
    reading = NvmlMeter("GPU-7").read()
    assert (reading.use_percent, reading.memory_use_percent) == (83, 12)
    assert (reading.temperature_c, reading.power_w) == (61, 512.345)
    assert (reading.sm_clock_hz, reading.memory_clock_hz) == (1_980_000_000, 3_201_000_000)


@pytest.mark.parametrize("lacking", ["use", "power", "temperature", "clock"])
def test_what_a_card_does_not_tell_is_none_and_the_rest_is_there(monkeypatch, lacking):
    monkeypatch.setitem(sys.modules, "pynvml", nvml(lacking=[lacking]))
    reading = NvmlMeter("GPU-7").read()
    missing = {
        "use": [reading.use_percent, reading.memory_use_percent],
        "power": [reading.power_w],
        "temperature": [reading.temperature_c],
        "clock": [reading.sm_clock_hz, reading.memory_clock_hz],
    }
    assert all((value is None) == (name == lacking) for name in missing for value in missing[name])


def card(memory=None):
    return SimpleNamespace(device=torch.device("cuda:0"), memory=lambda: memory)


def test_memory_of_card_and_pool_is_there_without_nvml():
    memory = CardMemory(total=100, free=60, reserved=30, allocated=20, peak=25)
    found = figures(card(memory), None)
    assert found["memory_bytes"]["reserved"] == 30
    assert list(found) == ["memory_bytes"]
    assert figures(card(), None) == {"memory_bytes": None}


def test_the_card_is_found_in_nvml_by_torchs_uuid(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", nvml())
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid="7")
    )
    assert meter_of(card())()["temperature_c"] == 61


@pytest.mark.parametrize("installed", [True, False])
def test_without_nvml_the_figures_are_missed_and_that_is_said(monkeypatch, caplog, installed):
    def refuse(uuid):
        raise NVMLError("Not Found")

    module = nvml()
    module.nvmlDeviceGetHandleByUUID = refuse
    monkeypatch.setitem(sys.modules, "pynvml", module if installed else None)
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid="7")
    )
    assert meter_of(card())() == {"memory_bytes": None}
    assert "no figures of the GPU" in caplog.text
    assert meter.log.name.startswith("scopeside")
