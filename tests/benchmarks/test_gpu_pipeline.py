"""The benchmark of a card runs from end to end without one, and keeps nothing of that."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "gpu_pipeline.py"
KEPT = (
    ROOT / "benchmarks" / "results",
    ROOT / "service" / "scopeside" / "device" / "engines",
)


def run(*words):
    # Without a card, also on a machine that has one.
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "TRITON_INTERPRET": "1"}
    return subprocess.run(
        [sys.executable, str(SCRIPT), *words], env=environment, capture_output=True, text=True
    )


@pytest.mark.timeout(400)
# Looked for and not imported, for the reason given in `test_gpu_kernels`.
@pytest.mark.skipif(
    find_spec("triton") is None,
    reason="Triton is not installed: pip install 'scopeside[gpu]'",
)
def test_a_rehearsal_measures_everything_and_writes_nothing_that_stays():
    before = {path: path.read_bytes() for folder in KEPT for path in folder.glob("*.json")}
    done = run("--rehearse")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "'ari': 1.0" in done.stdout
    assert "rehearsed: crossovers.json, gpu_pipeline.json" in done.stdout
    after = {path: path.read_bytes() for folder in KEPT for path in folder.glob("*.json")}
    assert after == before


def test_without_a_card_and_not_rehearsing_it_says_so_and_fails():
    done = run()
    assert done.returncode == 1
    assert "no NVIDIA GPU" in done.stdout
