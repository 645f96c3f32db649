"""Tests that need a card are skipped where there is none, and fail where they were asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ONE = "tests/stages/embed/test_on_gpu.py::test_bytes_that_are_no_engine_are_refused"


@pytest.mark.parametrize(
    ("words", "code", "outcome"), [([], 0, "SKIPPED"), (["-m", "gpu"], 1, "ERROR")]
)
def test_without_a_card_they_are_skipped_unless_they_were_asked_for(words, code, outcome):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", ONE, "-q", "-rsEf", "-p", "no:cacheprovider", *words],
        cwd=ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == code, done.stdout
    assert [line for line in done.stdout.splitlines() if line.startswith(outcome)]
    assert "needs an NVIDIA GPU that torch can use" in done.stdout
