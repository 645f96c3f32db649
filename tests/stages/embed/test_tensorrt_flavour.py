"""Which TensorRT is installed is found out without importing it."""

from __future__ import annotations

import importlib.util
from importlib import metadata

import pytest

from scopeside.stages.embed.tensorrt_flavour import FULL, RTX, how_to_get, installed


@pytest.fixture
def machine(monkeypatch):
    """Pretend that these distributions and modules, and no others of TensorRT, are installed."""

    def pretend(distributions, modules):
        def version(name):
            if name not in distributions:
                raise metadata.PackageNotFoundError(name)
            return distributions[name]

        monkeypatch.setattr(metadata, "version", version)
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name: name if name in modules else None
        )

    return pretend


def test_nothing_installed_is_said(machine):
    machine({}, {})
    found = installed()
    assert (found.flavour, found.reason) == (None, "TensorRT is not installed")


@pytest.mark.parametrize("flavour", [FULL, RTX])
def test_either_flavour_is_found_with_its_version(machine, flavour):
    machine({flavour.distribution: "2.13.0"}, {"torch_tensorrt", flavour.library})
    found = installed()
    assert found.flavour is flavour
    assert found.version == "2.13.0"
    assert found.reason == f"{flavour.distribution} 2.13.0 is installed"


def test_where_both_are_installed_the_one_is_taken_that_torch_tensorrt_takes(machine):
    both = {flavour.distribution: "2.13.0" for flavour in (FULL, RTX)}
    machine(both, {"torch_tensorrt", "tensorrt", "tensorrt_rtx"})
    assert installed().flavour is RTX


@pytest.mark.parametrize("missing", ["torch_tensorrt", "tensorrt"])
def test_a_distribution_without_its_modules_is_none(machine, missing):
    machine({"torch-tensorrt": "2.13.0"}, {"torch_tensorrt", "tensorrt"} - {missing})
    found = installed()
    assert found.flavour is None
    assert found.reason == f"torch-tensorrt 2.13.0 lacks its module {missing}"


@pytest.mark.parametrize(
    ("version", "taken"),
    [("2.12.1", False), ("2.13.0", True), ("2.13.0.dev1+cu130", True), ("10.0.0", True)],
)
def test_versions_before_2_13_are_not_taken(machine, version, taken):
    machine({"torch-tensorrt": version}, {"torch_tensorrt", "tensorrt"})
    found = installed()
    assert (found.flavour is FULL) == taken
    if not taken:
        assert found.reason == "torch-tensorrt 2.12.1 is older than 2.13"


@pytest.mark.parametrize(
    ("capability", "served"),
    [((7, 5), True), ((8, 0), False), ((8, 9), True), ((9, 0), False), ((12, 0), True)],
)
def test_tensorrt_for_rtx_serves_rtx_cards_alone_and_the_advice_follows(capability, served):
    assert RTX.serves(capability) == served
    assert FULL.serves(capability)
    assert ("scopeside[rtx]" in how_to_get(capability)) == served
    assert "scopeside[gpu]" in how_to_get(capability)


def test_for_an_unknown_card_both_are_named():
    assert "scopeside[gpu]" in how_to_get()
    assert "scopeside[rtx]" in how_to_get()
