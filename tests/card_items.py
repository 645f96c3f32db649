"""What is different for tests that need a card: others' warnings, and the time to compile."""

from __future__ import annotations

from collections.abc import Iterable

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
