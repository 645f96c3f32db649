from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


# Looked for and not imported: Triton must not be loaded before the tests of the kernels choose
# its interpreter.
@pytest.mark.skipif(
    find_spec("triton") is None,
    reason="Triton is not installed: pip install 'scopeside[gpu]'",
)
def test_the_benchmark_of_the_kernels_checks_them_in_the_interpreter_and_writes_nothing() -> None:
    results = ROOT / "benchmarks" / "results" / "gpu_kernels.json"
    before = results.read_bytes() if results.exists() else None
    # Without a card, also on a machine that has one.
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "TRITON_INTERPRET": "1"}
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "gpu_kernels.py")],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing timed" in done.stdout
    assert (results.read_bytes() if results.exists() else None) == before
