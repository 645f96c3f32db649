"""The benchmark as people start it: the real service over real sockets, without an encoder."""

import json
import subprocess
import sys

import numpy as np
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

QUICK = (
    *("--set", "embed.backend=null"),
    *("--set", "chips.size_px=32"),
    *("--set", "bench.seconds=0.5"),
    *("--set", "bench.least_frames=5"),
    *("--set", "bench.warmup_frames=2"),
    *("--set", "bench.target_s=20"),
)


def run(*words):
    command = [sys.executable, "-m", "scopeside", "bench", *QUICK, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


def test_rates_are_offered_to_the_real_service_and_every_frame_is_accounted_for(tmp_path):
    np.save(tmp_path / "film.npy", np.random.default_rng(0).integers(0, 255, (3, 64, 96), np.uint8))
    words = ("--rates", "10,20", "--steady", "10", "--out", str(tmp_path / "out"))
    sets = ("--set", "ingest.socket=pull", "--set", "bench.repeats=2")
    done = run(str(tmp_path / "film.npy"), *words, *sets)
    assert done.returncode == 0, done.stderr
    assert "Rates, run by run" in done.stdout
    made = json.loads((tmp_path / "out" / "report.json").read_text())
    assert made["load"]["name"] == "film"
    assert made["load"]["shape"] == [64, 96]
    assert made["environment"]["provenance"]["embedder"].startswith("null")
    assert len(made["repeats"]) == 2
    for repeat in made["repeats"]:
        assert [step["rate_hz"] for step in repeat["sweep"]] == [10.0, 20.0]
        assert len(repeat["warmup_s"]) == 3
        for step in [*repeat["sweep"], repeat["steady"]]:
            assert step["offered"] == step["results"] == step["latency"]["response"]["count"]
            assert step["lost"] == 0
            assert step["usage"]["memory_bytes"] > 2**20
        steady = repeat["steady"]
        spent = {name: one["mean_s"] for name, one in steady["latency"].items()}
        parts = ("send lateness", "handover", "service", "delivery")
        assert spent["response"] == pytest.approx(sum(spent[part] for part in parts), rel=0.02)
        assert spent["end to end"] <= spent["response"]
        assert sum(one["mean_s"] for one in steady["stages"].values()) <= spent["service"] * 1.001
        assert len(steady["timeline"]) == steady["results"]


def test_a_service_that_drops_is_not_said_to_hold(tmp_path):
    """With the newest frame replacing those before it, a burst is lost but for a few."""
    words = ("--rates", "2000", "--out", str(tmp_path / "out"))
    sets = ("--set", "service.frame_shape=[64,96]", "--set", "bench.repeats=1")
    done = run(*words, *sets, "--set", "bench.least_frames=300")
    assert done.returncode == 0, done.stderr
    (repeat,) = json.loads((tmp_path / "out" / "report.json").read_text())["repeats"]
    (step,) = repeat["sweep"]
    assert step["lost"] > 0
    assert not step["holds"]
    assert repeat["best_hz"] is None
    ways = [step["unsent"], step["missing"], step["undelivered"], *step["dropped"].values()]
    assert step["offered"] == step["results"] + sum(ways)
    assert "does not hold" in done.stdout


def test_a_service_that_cannot_start_is_quoted(tmp_path):
    done = run("--set", f"preprocess.dark={tmp_path}/absent.npy", "--out", str(tmp_path / "out"))
    assert done.returncode == 9
    assert "absent.npy" in done.stderr
    # The log that the sentence is from is still there; there is nothing else to keep.
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["serve-1.log"]
    assert "absent.npy" in (tmp_path / "out" / "serve-1.log").read_text()
