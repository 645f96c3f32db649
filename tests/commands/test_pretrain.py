"""`pretrain` as it is typed, with a training that is over in seconds."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import pytest
import torch

from scopeside import cli
from scopeside.commands.pretrain import _clock
from scopeside.pretraining import recipe
from scopeside.pretraining.folder import Folder
from scopeside.stages.embed.weights import load_weights, state_sha256
from small_training import PLAN, make_small, write_micrographs

LIMIT_S = 100.0
ONE_THREAD = ("--threads", "1")
"""On a busy machine, threads that wait for each other make seconds into minutes."""


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def small(monkeypatch):
    make_small(monkeypatch)

    class Small(recipe.Recipe):
        def __init__(self, **words):
            super().__init__(**words, plan=PLAN)

    monkeypatch.setattr(recipe, "Recipe", Small)


def pretrain(*words):
    return cli.main(["pretrain", *(str(word) for word in words), "--device", "cpu", *ONE_THREAD])


def refused(capsys, code, *words):
    """The sentence of a command that ends with `code` before it trains."""
    assert cli.main(["pretrain", *(str(word) for word in words)]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("scopeside: ")
    assert err.count("\n") == 1
    return err


def test_a_training_leaves_its_files_and_a_second_call_goes_on(tmp_path, capsys, small):
    write_micrographs(tmp_path / "own.tif")
    out = tmp_path / "out"
    words = (tmp_path / "own.tif", "-o", out, "--seed", "3")
    assert pretrain(*words, "--steps", "2") == 0

    printed = capsys.readouterr().out
    assert printed.splitlines()[0] == str(out / "encoder.safetensors")
    assert f"embed.weights={out / 'encoder.safetensors'}" in printed
    names = {"encoder.safetensors", "encoder-int8.safetensors", "card.md", "training.png"}
    names |= {"training.lock"}
    assert {path.name for path in out.iterdir()} == names | {"log.jsonl", "resume.pt"}
    first, compact = (
        load_weights(str(out / name))
        for name in ("encoder.safetensors", "encoder-int8.safetensors")
    )
    kernel = "layer1.0.conv1.weight"
    torch.testing.assert_close(first.state[kernel], compact.state[kernel], atol=0.01, rtol=0)
    card = (out / "card.md").read_text()
    assert str(tmp_path / "own.tif") in card
    assert "| steps | 2 |" in card
    assert "| start | seeded-v1 (" in card
    assert matplotlib.image.imread(out / "training.png").std() > 0

    assert pretrain(*words, "--steps", "3") == 0
    entries = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in entries if "loss" in entry] == [1, 2, 3]
    assert [entry["step"] for entry in entries if "probe_chips" in entry] == [2, 3]
    assert "| steps | 3 |" in (out / "card.md").read_text()
    second = load_weights(str(out / "encoder.safetensors"))
    assert state_sha256(second.state) != state_sha256(first.state)

    capsys.readouterr()
    assert pretrain(*words, "--steps", "3", "--seed", "4") == 2
    assert "another seed, archive or start" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--steps", "0"), "--steps must be 1 or more"),
        (("--seed", "-1"), "--seed and --threads 0 or more"),
        (("--threads", "-1"), "--seed and --threads 0 or more"),
        (("--minutes", "0"), "--minutes must be above 0"),
        (("--minutes", "nan"), "--minutes must be above 0"),
        (("--minutes", "inf"), "--minutes must be above 0"),
        (("--device", "tpu"), "--device tpu is none of auto, cpu, cuda, cuda:N"),
        (("--device", "cuda:x"), "--device cuda:x is none of"),
        (("--device", "cuda:²"), "is none of"),
    ],
)
def test_arguments_that_make_no_sense_are_one_sentence(tmp_path, capsys, words, sentence):
    assert sentence in refused(capsys, 2, "-o", tmp_path / "out", *words)
    assert not (tmp_path / "out").exists()


def test_a_card_that_is_absent_is_one_sentence(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    sentence = refused(capsys, 7, "-o", tmp_path / "out", "--device", "cuda:0")
    assert "torch finds no NVIDIA GPU here; give --device cpu" in sentence


def test_micrographs_that_are_absent_are_one_sentence(tmp_path, capsys):
    sentence = refused(capsys, 4, tmp_path / "absent", "-o", tmp_path / "out", "--device", "cpu")
    assert "absent cannot be opened" in sentence


def test_a_start_that_is_absent_is_one_sentence(tmp_path, capsys):
    start = tmp_path / "absent.pth"
    assert str(start) in refused(capsys, 6, "-o", tmp_path / "out", "--start", start)


def test_a_file_in_place_of_the_folder_is_one_sentence(tmp_path, capsys):
    (tmp_path / "out").write_text("")
    sentence = refused(capsys, 5, "-o", tmp_path / "out", "--device", "cpu")
    assert "choose another with -o" in sentence


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.4, "0:00:00"), (61, "0:01:01"), (7322, "2:02:02")]
)
def test_time_left_is_shown_as_a_clock(seconds, shown):
    assert _clock(seconds) == shown


SLOW = """
import sys
from scopeside import cli
from scopeside.pretraining import probe, recipe
from small_training import PLAN

if __name__ == "__main__":
    probe.SPECIMENS = 1
    class Small(recipe.Recipe):
        def __init__(self, **words):
            super().__init__(**words, plan=PLAN)
    recipe.Recipe = Small
    sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_training_that_is_stopped_can_be_resumed(tmp_path, number):
    script, out = tmp_path / "slow.py", tmp_path / "out"
    script.write_text(SLOW)
    process = subprocess.Popen(
        [sys.executable, script, "pretrain", "-o", out, "--device", "cpu", *ONE_THREAD],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        start_new_session=True,
    )
    try:
        while process.poll() is None and not (out / "log.jsonl").exists():
            pass_time()
        while process.poll() is None and not Folder(out).entries():
            pass_time()
        # To the whole group, as a terminal sends it.
        os.killpg(process.pid, number)
        _, err = process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert err == ""
    saved = torch.load(Path(out) / "resume.pt", weights_only=True)
    assert saved["steps"] == len(Folder(out).entries()) >= 1


def pass_time():
    signal.sigtimedwait([], 0.05)
