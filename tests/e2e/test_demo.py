"""The demo as people start it: real processes over TCP, without an encoder so that it is quick."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
from PIL import Image

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

QUICK = (
    *("--set", "embed.backend=null"),
    *("--set", "chips.size_px=32"),
    *("--set", "ingest.policy=lossless"),
)


def demo(*words):
    return [sys.executable, "-m", "scopeside", "demo", *words, *QUICK]


def run(*words):
    return subprocess.run(demo(*words), capture_output=True, text=True, timeout=200, check=False)


def test_a_simulated_run_is_segmented_scored_and_reported(tmp_path):
    out = tmp_path / "out"
    done = run("--out", str(out), "--shape", "96x128", "--frames", "8", "--rate", "8")
    assert done.returncode == 0, done.stderr
    for words in ("segmented", "p99 ms", "adjusted Rand index", "front error, median"):
        assert words in done.stdout
    report = json.loads((out / "report.json").read_text())
    assert report["problems"] == []
    assert report["frames"]["sent"] == report["frames"]["segmented"] == 8
    assert report["frames"]["missing"] == 0
    assert len(report["agreement"]["fronts"]) == len(report["per_frame"]) == 8
    doses = [entry["dose_e_per_m2"] for entry in report["per_frame"]]
    assert doses[0] == 0.0
    assert doses == sorted(set(doses))
    assert {"embed", "labelmap"} <= set(report["latency"]["stages"])
    for name in ("contact_sheet.png", "front.png", "communities.png", "latency.png"):
        assert np.asarray(Image.open(out / name)).std() > 0, name
    served = (out / "serve.log").read_text()
    assert [f"event={event} " in served for event in ("warming", "ready", "stopped")] == [True] * 3
    assert "8 frames" in (out / "source.log").read_text()


def test_a_recorded_file_is_replayed_and_has_no_truth(tmp_path):
    stack = np.random.default_rng(0).integers(0, 255, (4, 64, 96), dtype=np.uint8)
    np.save(tmp_path / "film.npy", stack)
    done = run(str(tmp_path / "film.npy"), "--out", str(tmp_path / "out"), "--rate", "8")
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["frames"]["segmented"] == 4
    assert report["agreement"] is None
    assert not (tmp_path / "out" / "front.png").exists()
    assert (tmp_path / "out" / "contact_sheet.png").exists()


def test_a_service_that_cannot_start_is_quoted(tmp_path):
    words = ("--set", f"preprocess.dark={tmp_path}/absent.npy", "--out", str(tmp_path / "out"))
    done = run(*words, "--frames", "2")
    assert done.returncode == 9
    assert "scopeside serve ended with exit code" in done.stderr
    assert "absent.npy" in done.stderr


def test_ctrl_c_leaves_no_process_behind(tmp_path):
    out = tmp_path / "out"
    parent = subprocess.Popen(
        demo("--out", str(out), "--shape", "64x64", "--frames", "5000", "--rate", "5"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    source_log = out / "source.log"
    until_s = time.monotonic() + 120
    # A process that was just being made when the signal came ends by itself, a moment later, as
    # those of a killed parent do (demo/test_processes.py); one that speaks is the demo's to end.
    while not (source_log.exists() and source_log.read_text()):
        assert parent.poll() is None, "the demo ended by itself"
        assert time.monotonic() < until_s, "the source was never started"
        time.sleep(0.05)
    children = psutil.Process(parent.pid).children(recursive=True)
    assert len(children) == 2
    parent.send_signal(signal.SIGINT)
    assert parent.wait(60) == 130
    _, alive = psutil.wait_procs(children, timeout=0)
    assert not alive


def test_an_input_that_is_absent_starts_nothing(tmp_path):
    done = run(str(tmp_path / "absent.tif"), "--out", str(tmp_path / "out"))
    assert done.returncode == 4
    assert "absent.tif" in done.stderr
    assert not (tmp_path / "out").exists()
