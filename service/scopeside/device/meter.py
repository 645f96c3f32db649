"""How a card is: use, memory, temperature and clocks by NVML, and the pool by torch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import torch

from scopeside.device.card import Card

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What NVML says; None for what a card does not tell."""

    use_percent: int | None
    memory_use_percent: int | None
    temperature_c: int | None
    power_w: float | None
    sm_clock_hz: int | None
    memory_clock_hz: int | None


class Meter(Protocol):
    """NVML of one card; `scopeside.testing.cards` has its stand-in."""

    def read(self) -> Reading:
        """Return the present figures; any thread may ask. Takes well below a millisecond."""
        ...


class NvmlMeter:
    """By `nvidia-ml-py`, for the card that torch knows by its UUID: the two number them apart."""

    def __init__(self, uuid: str) -> None:
        import pynvml

        self._nvml: Any = pynvml
        pynvml.nvmlInit()
        self._handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)

    def read(self) -> Reading:
        nvml, handle = self._nvml, self._handle
        use = self._told(lambda: nvml.nvmlDeviceGetUtilizationRates(handle))
        power_mw = self._told(lambda: nvml.nvmlDeviceGetPowerUsage(handle))
        return Reading(
            use_percent=None if use is None else int(use.gpu),
            memory_use_percent=None if use is None else int(use.memory),
            temperature_c=self._told(
                lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)
            ),
            power_w=None if power_mw is None else power_mw / 1000,
            sm_clock_hz=self._clock_hz(nvml.NVML_CLOCK_SM),
            memory_clock_hz=self._clock_hz(nvml.NVML_CLOCK_MEM),
        )

    def _clock_hz(self, clock: int) -> int | None:
        mhz = self._told(lambda: self._nvml.nvmlDeviceGetClockInfo(self._handle, clock))
        return None if mhz is None else int(mhz) * 1_000_000

    def _told(self, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except self._nvml.NVMLError:
            return None


def meter_of(card: Card) -> Callable[[], Mapping[str, Any]]:
    """Return what `status` asks: memory by torch, and NVML's figures where they can be had."""
    meter = _nvml(card.device)
    return lambda: figures(card, meter)


def figures(card: Card, meter: Meter | None) -> Mapping[str, Any]:
    """Return the card's figures under the names of `status`."""
    memory = card.memory()
    return {
        "memory_bytes": None if memory is None else asdict(memory),
        **({} if meter is None else asdict(meter.read())),
    }


def _nvml(device: torch.device) -> Meter | None:
    try:
        import pynvml
    except ModuleNotFoundError:
        log.warning("no figures of the GPU: the package nvidia-ml-py is not installed")
        return None
    try:
        return NvmlMeter(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
    except pynvml.NVMLError as error:
        log.warning("no figures of the GPU by NVML", extra={"because": str(error)})
        return None
