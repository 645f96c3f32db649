import pytest

from scopeside.checks.files import require_files
from scopeside.configuration import load_settings
from scopeside.errors import ConfigError


def look(*sets):
    require_files(load_settings(sets=sets).settings)


def test_the_defaults_name_no_file_that_is_absent():
    look()


def test_files_that_are_there_are_fine(tmp_path):
    (tmp_path / "dark.npy").touch()
    (tmp_path / "mine.pth").touch()
    look(
        f"preprocess.dark={tmp_path}/dark.npy",
        f"preprocess.flat={tmp_path}",
        f"embed.weights={tmp_path}/mine.pth",
    )


@pytest.mark.parametrize("key", ["preprocess.dark", "preprocess.flat"])
def test_a_reference_that_is_absent_is_named(tmp_path, key):
    with pytest.raises(ConfigError, match=f"{key} = .*/absent.npy: there is no such file"):
        look(f"{key}={tmp_path}/absent.npy")


@pytest.mark.parametrize("source", ["{folder}/absent.pth", "micronet", "micronte"])
def test_weights_that_are_absent_are_named_with_a_fix(tmp_path, source):
    given = source.format(folder=tmp_path)
    with pytest.raises(ConfigError, match=f"embed.weights = {given}: ") as refusal:
        look(f"embed.weights={given}", f"service.cache={tmp_path}")
    assert "embed.weights." in str(refusal.value) or "Set embed.weights" in str(refusal.value)
    assert ".." not in str(refusal.value).replace("...", "")


def test_keys_matter_where_curve_is_on(tmp_path):
    (tmp_path / "clients").mkdir()
    sets = [
        f"security.server_key={tmp_path}/absent.key_secret",
        f"security.clients={tmp_path}/clients",
        "ingest.attach=bind",
    ]
    look(*sets)
    with pytest.raises(ConfigError, match=r"security\.server_key = .*absent"):
        look(*sets, "security.curve=true")


def test_all_that_is_absent_is_told_at_once(tmp_path):
    with pytest.raises(ConfigError) as refusal:
        look(f"preprocess.dark={tmp_path}/a.npy", f"embed.weights={tmp_path}/b.pth")
    assert "a.npy" in str(refusal.value)
    assert "b.pth" in str(refusal.value)
