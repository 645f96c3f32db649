"""What is kept, when it is written, and what becomes of files that cannot be used."""

import threading

import pytest

from scopeside.errors import ConfigError, OutputError
from scopeside.steering import keeper as module
from scopeside.steering.keeper import Keeper
from scopeside.steering.state_file import read_state, write_state

WAIT_S = 20.0


class Pipeline:
    """Remembers a number and a reference."""

    def __init__(self, number=0, *, refuses=False):
        self.number, self.reference, self.refuses = number, None, refuses

    def identity_state(self):
        return {"number": self.number}

    def restore_identities(self, state):
        if self.refuses:
            raise ConfigError("They are those of another encoder.")
        self.number = state["number"]

    def reference_state(self):
        return self.reference

    def restore_reference(self, state):
        self.reference = state


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def faults():
    return []


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def kept(tmp_path, faults, clock):
    """Makes keepers on one file, as processes one after another."""
    made = []

    def make(sections=dict):
        for before in made:
            before.close(WAIT_S)
        keeper = Keeper(
            tmp_path / "s.state",
            sections=sections,
            fault=lambda code, message: faults.append((code, message)),
            now_s=clock,
        )
        made.append(keeper)
        return keeper

    yield make
    for keeper in made:
        keeper.close(WAIT_S)


def test_identities_and_reference_come_back(kept, tmp_path):
    keeper, pipeline = kept(), Pipeline(5)
    keeper.begin()
    keeper.attach(pipeline)
    pipeline.reference = {"ids": [1]}
    keeper.look(at_once=True, changed=True)
    assert keeper.settle(WAIT_S)
    again, restored = kept(), Pipeline()
    again.attach(restored)
    assert (restored.number, restored.reference) == (5, {"ids": [1]})
    assert again.figures()["file"] == str(tmp_path / "s.state")


def test_frames_are_kept_once_a_second_and_changes_at_once(kept, clock, tmp_path):
    keeper, pipeline = kept(), Pipeline(1)
    keeper.begin()
    keeper.attach(pipeline)
    on_disk = lambda: (keeper.settle(WAIT_S), read_state(tmp_path / "s.state"))[1]["identities"]  # noqa: E731
    keeper.look(at_once=False)
    assert on_disk() == {"number": 1}
    pipeline.number = 2
    clock.now_s += 0.5
    keeper.look(at_once=False)
    assert on_disk() == {"number": 1}
    keeper.look(at_once=True)
    assert on_disk() == {"number": 2}
    pipeline.number = 3
    clock.now_s += 1.5
    keeper.look(at_once=False)
    assert on_disk() == {"number": 3}


def test_what_was_loaded_stays_in_the_file_until_the_pipeline_is_warm(kept, tmp_path):
    write_state(tmp_path / "s.state", {"identities": {"number": 9}, "reference": None})
    keeper = kept(lambda: {"visited": [1]})
    keeper.begin()
    keeper.touch()
    assert keeper.settle(WAIT_S)
    state = read_state(tmp_path / "s.state")
    assert (state["identities"], state["visited"]) == ({"number": 9}, [1])


def test_a_file_that_cannot_be_used_is_put_aside_and_said(kept, tmp_path, faults):
    (tmp_path / "s.state").write_bytes(b"something else")
    keeper = kept()
    assert keeper.loaded == {}
    keeper.begin()
    ((code, message),) = faults
    (aside,) = tmp_path.glob("s.state.unusable-*")
    assert code == "state_refused"
    assert message.endswith(f"It is kept as {aside}.")
    assert aside.read_bytes() == b"something else"
    assert read_state(tmp_path / "s.state") is not None


def test_identities_of_another_encoder_are_put_aside_and_the_rest_is_taken(kept, tmp_path, faults):
    write_state(
        tmp_path / "s.state", {"identities": {"number": 9}, "reference": {"ids": [2]}, "x": 1}
    )
    keeper, pipeline = kept(), Pipeline(refuses=True)
    keeper.begin()
    keeper.attach(pipeline)
    assert pipeline.reference == {"ids": [2]}
    (aside,) = tmp_path.glob("s.state.unusable-*")
    assert read_state(aside)["identities"] == {"number": 9}
    assert "another encoder" in faults[0][1]
    assert keeper.settle(WAIT_S)
    assert read_state(tmp_path / "s.state") | {"saved_ns": 0, "by": ""} == {
        "saved_ns": 0,
        "by": "",
        "identities": None,
        "reference": {"ids": [2]},
    }


def test_two_services_do_not_share_a_file(tmp_path):
    make = lambda: Keeper(tmp_path / "s.state", sections=dict, fault=lambda *_: None)  # noqa: E731
    keeper = make()
    with pytest.raises(OutputError, match=r"s\.state is in use by another service: stop that one"):
        make()
    keeper.close(WAIT_S)
    make().close(WAIT_S)


def test_a_folder_that_is_not_there_is_said_at_the_start(tmp_path):
    keeper = Keeper(tmp_path / "none" / "s.state", sections=dict, fault=lambda *_: None)
    with pytest.raises(OutputError, match=r"state\.file = .* cannot be written \(No such file"):
        keeper.begin()


def test_a_write_that_fails_is_said_and_the_next_one_makes_it_good(
    kept, monkeypatch, faults, tmp_path
):
    keeper = kept(lambda: {"visited": [1]})
    keeper.begin()

    def full(path, state):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_state", full)
    keeper.touch()
    assert keeper.settle(WAIT_S), "nobody waits for a disk that is full"
    assert faults[0][0] == "state_failed"
    assert "No space left" in keeper.figures()["error"]
    monkeypatch.undo()
    keeper.touch()
    assert keeper.settle(WAIT_S)
    assert keeper.figures()["error"] is None
    assert read_state(tmp_path / "s.state")["visited"] == [1]


def test_a_slow_disk_holds_nobody_up_and_gets_what_is_newest(kept, monkeypatch, tmp_path):
    keeper, pipeline = kept(), Pipeline()
    keeper.begin()
    keeper.attach(pipeline)
    entered, gate = threading.Event(), threading.Event()

    def slow(path, state):
        entered.set()
        gate.wait(WAIT_S)
        write_state(path, state)

    monkeypatch.setattr(module, "write_state", slow)
    keeper.look(at_once=True)
    assert entered.wait(WAIT_S)
    for number in range(1, 50):
        pipeline.number = number
        keeper.look(at_once=True)
    assert not keeper.settle(0.0)
    gate.set()
    assert keeper.settle(WAIT_S)
    assert read_state(tmp_path / "s.state")["identities"] == {"number": 49}
