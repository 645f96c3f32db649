"""What is different for tests that need a card: packages of extras, others' warnings, time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import NoReturn

import pytest

OWN_WARNINGS_FAIL = pytest.mark.filterwarnings("default", "error:::scopeside")
"""A warning that falls on our own line fails the test as ever; those that CuPy, RMM, TensorRT or
Triton raise about each other are printed. Later filters go first."""

TIME = pytest.mark.timeout(600)
"""Seconds: Triton compiles every variant that is launched, and TensorRT builds engines."""


def relax(items: Iterable[pytest.Item]) -> None:
    """Let warnings of other packages fail no test of a card, and let it compile."""
    for item in items:
        if item.get_closest_marker("gpu") is None:
            continue
        item.add_marker(OWN_WARNINGS_FAIL)
        if item.get_closest_marker("timeout") is None:
            item.add_marker(TIME)


def absent(reason: str, *extras: str, environ: Mapping[str, str] = os.environ) -> NoReturn:
    """End a test of a card for want of packages that `extras` bring.

    It fails where one of them was installed, which GPU_EXTRA says as for `make test-gpu` (by
    default `gpu`), and is skipped where another was.
    """
    installed = environ.get("GPU_EXTRA", "gpu")
    if installed in extras:
        pytest.fail(f"{reason}: the extra {installed} brings it")
    pytest.skip(f"{reason}: the extra {installed} does not bring it")
