"""The driver's version, and what stands in for it where nobody can say."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from scopeside.stages.embed.driver import UNKNOWN, driver_version


class NoLibraryError(Exception):
    pass


def nvml(*, version="580.95.05", there=True, calls=None):
    calls = [] if calls is None else calls

    def begin():
        if not there:
            raise NoLibraryError
        calls.append("init")

    return SimpleNamespace(
        NVMLError=NoLibraryError,
        nvmlInit=begin,
        nvmlSystemGetDriverVersion=lambda: version,
        nvmlShutdown=lambda: calls.append("shutdown"),
    )


def test_it_is_what_nvml_says_and_nvml_is_let_go(monkeypatch):
    calls = []
    monkeypatch.setitem(sys.modules, "pynvml", nvml(calls=calls))
    assert driver_version() == "580.95.05"
    assert calls == ["init", "shutdown"]


def test_without_the_library_or_its_bindings_it_is_unknown(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", nvml(there=False))
    assert driver_version() == UNKNOWN
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert driver_version() == UNKNOWN


def test_the_real_bindings_have_what_is_called():
    pynvml = pytest.importorskip("pynvml", reason="nvidia-ml-py is not installed")
    assert issubclass(pynvml.NVMLError, Exception)
    for name in ("nvmlInit", "nvmlSystemGetDriverVersion", "nvmlShutdown"):
        assert callable(getattr(pynvml, name))
