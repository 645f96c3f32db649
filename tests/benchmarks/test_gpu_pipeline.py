"""The benchmark of a card runs from end to end without one, and keeps nothing of that."""

from __future__ import annotations

import json
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


@pytest.fixture
def scripts():
    """The script with Triton's interpreter chosen, which its modules take for granted here."""
    pytest.importorskip("triton", reason="Triton is not installed: pip install 'scopeside[gpu]'")
    import gpu_encoders
    import gpu_pipeline

    return gpu_pipeline, gpu_encoders


def test_a_row_that_fails_is_written_with_all_that_came_before_and_after(
    scripts, tmp_path, monkeypatch
):
    pipeline, _ = scripts
    monkeypatch.setattr("harness.busy_share", lambda: 0.0)
    written = []

    def broken(scale, workload, backend):
        written.append(json.loads((tmp_path / "gpu_pipeline-encoders-frames.json").read_text()))
        raise RuntimeError(f"{backend} does not run")

    monkeypatch.setattr(pipeline, "run_of", broken)
    monkeypatch.setattr(pipeline, "product_rates", lambda scale: {"fp32": 2.0})
    monkeypatch.setattr(
        pipeline, "encoder_rows", lambda scale, workload, rates: [{"backend": "torch fp32 eager"}]
    )
    failed = pipeline.measured(
        pipeline.REHEARSAL, tmp_path, tmp_path / "none.json", ("encoders", "frames")
    )
    assert failed == 2
    assert [table["title"] for table in written[0]["tables"]] == ["A matrix product", "The network"]
    (found,) = [
        table["rows"]
        for table in json.loads((tmp_path / "gpu_pipeline-encoders-frames.json").read_text())[
            "tables"
        ]
        if table["title"] == "A frame"
    ]
    assert [row["failed"] for row in found] == [
        f"RuntimeError: {backend} does not run" for backend in pipeline.REHEARSAL.pipelines
    ]


def test_a_whole_run_and_its_parts_have_files_of_their_own(scripts):
    pipeline, _ = scripts
    scale, name = pipeline.ON_CARD, pipeline.result_name
    assert name(scale, pipeline.PARTS) == "gpu_pipeline"
    one = pipeline.replace(scale, workloads=scale.workloads[:1])
    assert name(one, pipeline.PARTS) == "gpu_pipeline-A"
    assert name(one, ("engines",)) == "gpu_pipeline-A-engines"


@pytest.mark.timeout(60)
def test_a_frame_is_timed_until_a_subscriber_has_its_message(scripts):
    import gpu_frames

    with gpu_frames.outlet() as (until, publish):
        assert until == "at a subscriber"
        for size in (1, 3_000_000):
            publish(memoryview(bytes(size)))


def test_without_pyzmq_a_frame_is_timed_until_its_message_is_made(scripts, monkeypatch):
    import gpu_frames

    monkeypatch.setattr(gpu_frames.importlib.util, "find_spec", lambda name: None)
    with gpu_frames.outlet() as (until, publish):
        publish(memoryview(b"message"))
    assert until == "encoded"


def test_networks_are_timed_compiled_and_float32_without_tf32(scripts, monkeypatch):
    import torch

    pipeline, encoders = scripts
    scale = pipeline.replace(
        pipeline.REHEARSAL,
        encoders=("torch fp32 eager", "torch tf32 eager", "torch fp32 compiled"),
    )
    rounded, compiled = [], []

    def timed(card, line, run, repeats):
        rounded.append((torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32))
        with line.use():
            run()
        return [1.0]

    monkeypatch.setattr(encoders, "timed", timed)
    monkeypatch.setattr(torch, "compile", lambda module, **how: compiled.append(how) or module)
    before = torch.backends.cudnn.allow_tf32
    rows = encoders.encoder_rows(scale, scale.workloads[0], {"fp32": 1.0})
    assert rounded == [(False, False), (True, True), (False, False)]
    assert torch.backends.cudnn.allow_tf32 == before
    assert compiled == [{"dynamic": False}]
    assert ["share_of_product" in row for row in rows] == [True, False, True]


def test_without_a_card_and_not_rehearsing_it_says_so_and_fails():
    done = run()
    assert done.returncode == 1
    assert "no NVIDIA GPU" in done.stdout
