"""Keys are their owner's alone, never replaced, and admit whom they name."""

import os
import stat

import pytest
from zmq.auth import load_certificate

from scopeside import cli
from scopeside.errors import ConfigError, OutputError
from scopeside.key_files import list_keys, make_keys


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def open_umask():
    """Files that are not made private on purpose can be read by all."""
    before = os.umask(0)
    yield
    os.umask(before)


def test_secrets_are_private_and_clients_are_admitted_with_their_public_key_alone(tmp_path):
    keys = tmp_path / "keys"
    make_keys(keys, ["service"], clients=False)
    make_keys(keys, ["watcher", "microscope"], clients=True)
    assert sorted(path.name for path in keys.iterdir()) == [
        "clients",
        "microscope.key",
        "microscope.key_secret",
        "service.key",
        "service.key_secret",
        "watcher.key",
        "watcher.key_secret",
    ]
    assert [mode(path) for path in sorted(keys.glob("*.key_secret"))] == [0o600] * 3
    assert mode(keys) == 0o700
    assert sorted(path.name for path in (keys / "clients").iterdir()) == [
        "microscope.key",
        "watcher.key",
    ]
    public, secret = load_certificate(keys / "watcher.key_secret")
    assert secret is not None
    pairs = {pair.name: pair for pair in list_keys(keys)}
    assert pairs["watcher"].public == public.decode()
    assert (pairs["watcher"].admitted, pairs["service"].admitted) == (True, False)


def test_nothing_is_replaced_and_then_nothing_is_made(tmp_path):
    make_keys(tmp_path / "keys", ["a"], clients=False)
    before = (tmp_path / "keys/a.key_secret").read_text()
    with pytest.raises(OutputError, match="never replaced"):
        make_keys(tmp_path / "keys", ["b", "a"], clients=False)
    assert (tmp_path / "keys/a.key_secret").read_text() == before
    assert [pair.name for pair in list_keys(tmp_path / "keys")] == ["a"]


def test_a_secret_that_others_can_read_is_refused_with_what_to_do(tmp_path, capsys):
    keys = tmp_path / "keys"
    make_keys(keys, ["a"], clients=False)
    (keys / "a.key_secret").chmod(0o644)
    for words in (["list"], ["make", "b"]):
        assert cli.main(["keys", *words, "--folder", str(keys)]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert f"`chmod 600 {keys}/a.key_secret`" in error


@pytest.mark.parametrize("name", ["", "../a", "a b", "clients", ".hidden", "a" * 65])
def test_what_is_no_name_is_refused(tmp_path, name):
    with pytest.raises(ConfigError, match="no name for a key"):
        make_keys(tmp_path / "keys", [name], clients=False)
    assert not (tmp_path / "keys").exists()


def test_the_command_shows_public_keys_and_no_secret(tmp_path, capsys):
    folder = ["--folder", str(tmp_path / "keys")]
    assert cli.main(["keys", "make", "a", "b", "--client", *folder]) == 0
    made = capsys.readouterr().out
    assert cli.main(["keys", "list", *folder]) == 0
    listed = capsys.readouterr().out
    assert made == listed
    assert listed.count("secret here, admitted as a client") == 2
    for name in "ab":
        public, secret = load_certificate(tmp_path / f"keys/{name}.key_secret")
        assert public.decode() in listed
        assert secret.decode() not in listed


def test_a_folder_without_keys_and_a_file_that_is_no_key_are_said(tmp_path):
    with pytest.raises(ConfigError, match="no folder"):
        list_keys(tmp_path / "absent")
    (tmp_path / "bad.key").write_text("nothing")
    with pytest.raises(ConfigError, match="cannot be read as a key"):
        list_keys(tmp_path)
