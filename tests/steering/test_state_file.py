"""The state file: whole or not at all, and nothing else is taken for one."""

import pytest

from scopeside.errors import ConfigError
from scopeside.steering import state_file
from scopeside.steering.state_file import put_aside, read_state, write_state

STATE = {"visited": [{"y_px": 1.5}], "identities": {"means": bytes(range(256))}, "name": "größe"}


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "s.state"
    write_state(path, STATE)
    write_state(path, STATE | {"name": "again"})
    assert read_state(path) == STATE | {"name": "again"}
    assert [one.name for one in tmp_path.iterdir()] == ["s.state"], "nothing is left beside it"


def test_no_file_is_no_state(tmp_path):
    assert read_state(tmp_path / "none") is None


def test_every_damaged_byte_is_noticed(tmp_path):
    path = tmp_path / "s.state"
    write_state(path, STATE)
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        with pytest.raises(ConfigError, match=r"is damaged|is no state file"):
            read_state(path)
    for length in range(0, len(whole), 11):
        path.write_bytes(whole[:length])
        with pytest.raises(ConfigError):
            read_state(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80", b"[rules]\n"])
def test_a_foreign_file_is_no_state(tmp_path, content):
    path = tmp_path / "s.state"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="is no state file of the service"):
        read_state(path)


def test_a_write_that_fails_leaves_the_file_before_it(tmp_path, monkeypatch):
    path = tmp_path / "s.state"
    write_state(path, STATE)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(state_file.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_state(path, {"name": "new"})
    monkeypatch.undo()
    assert read_state(path) == STATE
    assert [one.name for one in tmp_path.iterdir()] == ["s.state"]


def test_files_put_aside_do_not_replace_each_other(tmp_path):
    path = tmp_path / "s.state"
    for content in (b"one", b"two", b"three"):
        path.write_bytes(content)
        put_aside(path)
    assert not path.exists()
    assert sorted(one.read_bytes() for one in tmp_path.iterdir()) == [b"one", b"three", b"two"]
