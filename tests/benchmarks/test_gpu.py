"""All of a card's measurements one after the other, and what is missing said before."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

import gpu

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def words_of(*words, monkeypatch, codes):
    """What is run for these words, when the scripts end with these codes, and with what it ends."""
    ran = []

    def run(command):
        ran.append([Path(command[1]).name, *command[2:]])
        return SimpleNamespace(returncode=codes[len(ran) - 1])

    monkeypatch.setattr(gpu.subprocess, "run", run)
    monkeypatch.setattr(sys, "argv", ["gpu.py", *words])
    return gpu.main(), ran


def test_every_script_runs_whatever_became_of_the_one_before(monkeypatch):
    code, ran = words_of(monkeypatch=monkeypatch, codes=[1, -6, 0])
    assert [words[0] for words in ran] == ["gpu_kernels.py", "gpu_pipeline.py", "table.py"]
    assert code == 6


def test_a_part_is_measured_of_the_workloads_that_were_named(monkeypatch):
    code, ran = words_of(
        *("--only", "engines", "frames", "--workload", "A", "--repeats", "7"),
        monkeypatch=monkeypatch,
        codes=[0, 0],
    )
    assert code == 0
    assert ran[0] == [
        *("gpu_pipeline.py", "--repeats", "7", "--frames", "300"),
        *("--workload", "A", "--only", "frames", "engines"),
    ]
    assert [words[0] for words in ran] == ["gpu_pipeline.py", "table.py"]


def test_scripts_take_the_words_that_they_are_given():
    for script, *words in gpu.commands(
        SimpleNamespace(repeats=1, frames=1, workload=["A"], only=gpu.PARTS)
    )[:2]:
        done = subprocess.run(
            [sys.executable, str(ROOT / "benchmarks" / script), *words, "--help"],
            env=os.environ | {"CUDA_VISIBLE_DEVICES": "", "TRITON_INTERPRET": "1"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr


def test_missing_packages_are_named_in_one_sentence_and_nothing_runs(monkeypatch, capsys):
    monkeypatch.setitem(gpu.NEEDED, "a_module_of_nobody", "a-package")
    code, ran = words_of(monkeypatch=monkeypatch, codes=[])
    assert (code, ran) == (2, [])
    (line,) = capsys.readouterr().out.splitlines()
    assert "needed: a-package; install" in line


def test_nothing_beside_the_packages_that_are_named_is_imported_to_load_the_scripts():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; import gpu_pipeline; print(*{name.split('.')[0] for name in sys.modules})",
        ],
        env=os.environ
        | {
            "CUDA_VISIBLE_DEVICES": "",
            "TRITON_INTERPRET": "1",
            "PYTHONPATH": os.pathsep.join([str(ROOT / "benchmarks"), *sys.path]),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert not loaded & {"zmq", "openvino", "cv2", "h5py", "rich", "rsciio", "cupy"}
    assert {"pydantic", "msgpack", "triton"} <= loaded


@pytest.mark.parametrize("extra", ["gpu", "rtx"])
def test_the_parts_that_make_installs_one_by_one_are_those_of_the_extra(extra):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = {
        re.match(r"[\w-]+", requirement)[0]
        for requirement in extras["optional-dependencies"][extra]
    }
    (line,) = re.findall(rf"^PARTS_{extra} := (.*)$", MAKEFILE, re.MULTILINE)
    assert set(line.split()) == wanted - {"triton"}  # the test tools bring that
