"""The folder of a training: what it refuses to go on from, and what its log keeps."""

import json
from dataclasses import replace

import pytest
import torch

from scopeside.errors import ConfigError, OutputError
from scopeside.pretraining.folder import LOG_FILE, RESUME_FILE, Folder
from scopeside.pretraining.probe import Probe
from scopeside.pretraining.trainer import Step, Trainer
from scopeside.stages.embed.weights import Weights, state_sha256
from small_training import PLAN, recipe

STEP = Step(number=1, mode="shared", loss=0.5, gradient=1.0)


@pytest.fixture(scope="module")
def kept(tmp_path_factory, training, start):
    """A folder that holds a training of two steps; not to be written to."""
    path = tmp_path_factory.mktemp("kept")
    Folder(path).save(training[0], recipe(), start, 12.5)
    return path


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "out")


class Untouched:
    """Stands where a trainer would, for folders that are refused before it is asked."""

    steps = 0

    def resume(self, saved):
        raise KeyError("network")


def test_a_folder_is_made_with_those_above_it(tmp_path):
    Folder(tmp_path / "deep" / "out")
    assert (tmp_path / "deep" / "out").is_dir()


def test_a_file_in_place_of_a_folder_is_refused(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError, match=r"out cannot be made .* choose another with -o\."):
        Folder(tmp_path / "out")


def test_an_empty_folder_begins_at_0(folder, start):
    assert folder.resume(Untouched(), recipe(), start) == 0.0


def test_a_training_goes_on_from_its_folder_with_another_length(kept, start, trained):
    trainer = Trainer(start.state, device="cpu")
    longer = recipe(steps=50, minutes=3.0)
    assert Folder(kept).resume(trainer, longer, start) == 12.5
    assert trainer.steps == 2
    assert state_sha256(trainer.mean) == state_sha256(trained.mean)
    assert sorted(path.name for path in kept.iterdir()) == [LOG_FILE, RESUME_FILE]


@pytest.mark.parametrize(
    "other", [{"seed": 8}, {"archive": ("/a",)}, {"plan": replace(PLAN, chips_each=5)}]
)
def test_a_training_of_other_batches_is_refused(kept, start, other):
    with pytest.raises(ConfigError, match=r"another seed, archive or start, .*; give the same"):
        Folder(kept).resume(Untouched(), recipe(**other), start)


def test_a_training_on_specimens_of_an_earlier_version_is_refused(folder, tmp_path, start):
    begun = {name: value for name, value in recipe().to_json().items() if name != "simulation"}
    saved = {"recipe": json.dumps(begun), "start": start.sha256, "spent_s": 1.0}
    torch.save(saved, tmp_path / "out" / RESUME_FILE)
    with pytest.raises(ConfigError, match="a version that simulates other specimens"):
        folder.resume(Untouched(), recipe(), start)


def test_a_training_from_another_start_is_refused(kept, start):
    other = Weights(name="other", sha256="1" * 64, state=start.state)
    with pytest.raises(ConfigError, match=r"another seed, archive or start"):
        Folder(kept).resume(Untouched(), recipe(), other)


def cut(data):
    return data[: len(data) // 2]


def overwritten(data):
    return b"\0" * 1000 + data[1000:]


@pytest.mark.parametrize("damage", [cut, overwritten, lambda data: b"", lambda data: b"no torch"])
def test_a_damaged_file_to_resume_from_is_refused(kept, folder, tmp_path, start, damage):
    file = tmp_path / "out" / RESUME_FILE
    file.write_bytes(damage((kept / RESUME_FILE).read_bytes()))
    with pytest.raises(ConfigError, match=r"resume\.pt is damaged; remove it to begin anew"):
        folder.resume(Untouched(), recipe(), start)


@pytest.mark.parametrize(
    "content", [[1, 2], torch.zeros(3), {}, {"recipe": "[]", "spent_s": 1.0, "start": ""}]
)
def test_another_programs_file_to_resume_from_is_refused(folder, tmp_path, start, content):
    torch.save(content, tmp_path / "out" / RESUME_FILE)
    with pytest.raises(ConfigError, match=r"resume\.pt is damaged"):
        folder.resume(Untouched(), recipe(), start)


def test_a_file_to_resume_from_that_lacks_the_network_is_refused(folder, tmp_path, start):
    saved = {"recipe": json.dumps(recipe().to_json()), "start": start.sha256, "spent_s": 0.0}
    torch.save(saved, tmp_path / "out" / RESUME_FILE)
    with pytest.raises(ConfigError, match=r"resume\.pt is damaged"):
        folder.resume(Untouched(), recipe(), start)


def test_the_log_holds_what_steps_and_probes_measured(folder):
    folder.log(spent_s=1.23, step=STEP)
    folder.log(spent_s=2.0, probe=Probe(chips=0.75, shared=0.5), step_number=1)
    assert folder.entries() == [
        {"s": 1.2, "step": 1, "mode": "shared", "loss": 0.5, "gradient": 1.0},
        {"s": 2.0, "step": 1, "probe_chips": 0.75, "probe_shared": 0.5},
    ]


@pytest.mark.parametrize("rest", [b'{"s": 1.2, "st', b'{"s": 1.2, "step": 2}\n\xc3', b"\n\n"])
def test_a_log_line_that_was_cut_short_is_left_out(folder, tmp_path, rest):
    folder.log(spent_s=1.0, step=STEP)
    with (tmp_path / "out" / LOG_FILE).open("ab") as log:
        log.write(rest)
    entries = folder.entries()
    assert [entry["step"] for entry in entries] == [1, 2][: len(entries)]


def test_steps_that_were_lost_are_taken_off_the_log_since_they_are_taken_again(
    folder, tmp_path, start
):
    for number in range(1, 6):
        folder.log(spent_s=number, step=replace(STEP, number=number))
    with (tmp_path / "out" / LOG_FILE).open("a") as log:
        log.write('{"s": 6.0, "st')
    trainer = Untouched()
    trainer.steps = 3
    folder.resume(trainer, recipe(), start)
    folder.log(spent_s=9.0, step=replace(STEP, number=4))
    assert [entry["step"] for entry in folder.entries()] == [1, 2, 3, 4]


def test_a_log_that_cannot_be_written_is_one_sentence(folder, tmp_path):
    (tmp_path / "out" / LOG_FILE).mkdir()
    with pytest.raises(OutputError, match=r"cannot be written to .*out: Is a directory\."):
        folder.log(spent_s=1.0, step=STEP)


def test_a_full_disk_is_one_sentence(folder, tmp_path, start, trained):
    (tmp_path / "out" / f"{RESUME_FILE}.new").symlink_to("/dev/full")
    with pytest.raises(OutputError, match=r"No space left on device"):
        folder.save(trained, recipe(), start, 1.0)
    assert not (tmp_path / "out" / RESUME_FILE).exists()


def test_a_second_training_in_one_folder_is_refused_until_the_first_is_done(folder, tmp_path):
    with folder.held():
        second = Folder(tmp_path / "out")
        with (
            pytest.raises(ConfigError, match=r"Another process trains in .*out; wait"),
            second.held(),
        ):
            pass
    with folder.held():
        pass
