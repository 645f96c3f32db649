"""Which TensorRT is installed, and whether it serves a card; nothing is imported to find out.

Two distributions bring the module `torch_tensorrt`: `torch-tensorrt` with all of TensorRT, and
`torch-tensorrt-rtx` with TensorRT for RTX, for the cards of workstations. Where both are
installed, that module takes the RTX libraries, and so do we.
"""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from importlib import metadata

OLDEST = (2, 13)
"""torch-tensorrt from which on a network's precision is its module's, and TensorRT 11 is used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flavour:
    """A distribution of torch_tensorrt, and the module with TensorRT's own Python API."""

    distribution: str
    library: str
    title: str
    capabilities: tuple[tuple[int, int], ...] | None
    """Compute capabilities that it serves; None for every card that torch serves too."""

    def serves(self, capability: tuple[int, int]) -> bool:
        return self.capabilities is None or capability in self.capabilities


RTX = Flavour(
    distribution="torch-tensorrt-rtx",
    library="tensorrt_rtx",
    title="TensorRT for RTX",
    capabilities=((7, 5), (8, 6), (8, 9), (12, 0), (12, 1)),
)
"""Compute capabilities after the support matrix of TensorRT for RTX 1.5: none of data centres."""

FULL = Flavour(
    distribution="torch-tensorrt", library="tensorrt", title="TensorRT", capabilities=None
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What was found: a flavour that can be imported, or None and a sentence that says why not."""

    flavour: Flavour | None
    version: str
    reason: str


def installed() -> Installed:
    """Look for the distributions and the modules that they need."""
    for flavour in (RTX, FULL):
        try:
            version = metadata.version(flavour.distribution)
        except metadata.PackageNotFoundError:
            continue
        missing = [
            module
            for module in ("torch_tensorrt", flavour.library)
            if importlib.util.find_spec(module) is None
        ]
        if missing:
            reason = f"{flavour.distribution} {version} lacks its module {missing[0]}"
            return Installed(flavour=None, version=version, reason=reason)
        if _numbers(version) < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            reason = f"{flavour.distribution} {version} is older than {oldest}"
            return Installed(flavour=None, version=version, reason=reason)
        reason = f"{flavour.distribution} {version} is installed"
        return Installed(flavour=flavour, version=version, reason=reason)
    return Installed(flavour=None, version="", reason="TensorRT is not installed")


def how_to_get(capability: tuple[int, int] | None = None) -> str:
    """Return what to install: for a card of known capability what serves it, else both."""
    full, rtx = "pip install 'scopeside[gpu]'", "pip install 'scopeside[rtx]'"
    if capability is None:
        return f"{full}, or {rtx} for the RTX cards of workstations"
    return f"{rtx}, or {full}" if RTX.serves(capability) else full


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])
