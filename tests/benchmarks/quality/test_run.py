"""The smallest run: one simulated frame, every method, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
RESULT = ROOT / "benchmarks" / "results" / "quality.json"


@pytest.mark.timeout(600)
def test_the_smallest_run_scores_draws_and_writes_no_result(tmp_path):
    pytest.importorskip("sklearn", reason="pip install 'scopeside[bench]'")
    pytest.importorskip("skimage", reason="pip install 'scopeside[bench]'")
    before = RESULT.read_bytes() if RESULT.exists() else None
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / "benchmarks" / "quality"),
            *("--quick", "--no-streams", "--sets", "simulated film", "--weights", "builtin"),
            *("--pictures", str(tmp_path)),
        ],
        env=os.environ | {"SCOPESIDE_DATA": str(tmp_path / "none")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| Scopeside, auto | builtin | chips | auto |" in done.stdout
    assert "one-to-one mean IoU of auto over resolution 1's" in done.stdout
    assert (tmp_path / "simulated_film.png").stat().st_size > 10_000
    assert (RESULT.read_bytes() if RESULT.exists() else None) == before


def test_an_unknown_encoder_is_one_clear_sentence():
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "quality"), "--probe", "nothing"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "are neither a name (builtin, seeded" in done.stderr
    assert "Traceback" not in done.stderr
