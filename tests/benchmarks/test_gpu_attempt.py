"""One measurement that goes wrong is one row that says so."""

from __future__ import annotations

import weakref

import pytest

from gpu_attempt import LONGEST_ERROR, attempted
from scopeside.errors import BackendError


def raising(error):
    def make():
        raise error

    return make


def test_what_was_made_has_no_flaw():
    assert attempted(lambda: 7) == (7, {})


@pytest.mark.parametrize("error", [BackendError("No card."), ModuleNotFoundError("No cupy.")])
def test_what_cannot_be_had_is_lacking(error):
    assert attempted(raising(error)) == (None, {"lacks": str(error)})


@pytest.mark.parametrize("error", [ImportError("libcudart"), RuntimeError("CUDA"), KeyError("x")])
def test_whatever_else_is_raised_has_failed_and_is_told_in_full(error, capsys):
    made, flaw = attempted(raising(error))
    assert made is None
    assert flaw == {"failed": f"{type(error).__name__}: {error}"}
    assert "Traceback" in capsys.readouterr().err


def test_a_long_error_is_cut_in_its_row():
    assert len(attempted(raising(RuntimeError("x" * 9999)))[1]["failed"]) == LONGEST_ERROR


def test_what_a_failed_attempt_had_made_is_let_go():
    class Big:
        pass

    held = []

    def make():
        big = Big()
        held.append(weakref.ref(big))
        raise RuntimeError("full")

    attempted(make)
    assert held[0]() is None
