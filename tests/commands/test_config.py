import argparse
import json

import pytest

from scopeside.cli import main
from scopeside.commands import config
from scopeside.configuration import load_settings
from scopeside.errors import ConfigError
from scopeside.setting_keys import key_index
from scopeside.settings import Settings


def run(*words):
    parser = argparse.ArgumentParser()
    config.add_arguments(parser)
    return config.run(parser.parse_args(list(words)))


def test_every_setting_is_shown_with_its_value_and_source(capsys, monkeypatch):
    monkeypatch.setenv("SCOPESIDE_LOG__LEVEL", "debug")
    assert run("--set", "graph.neighbours=9") == 0
    lines = capsys.readouterr().out.splitlines()
    shown = {text.split()[0]: text for text in lines if text.split()[:1]}
    assert set(key_index()) <= set(shown)
    assert shown["graph.neighbours"].split()[1:] == ["9", "--set"]
    assert shown["log.level"].split()[1:] == ['"debug"', "environment", "SCOPESIDE_LOG__LEVEL"]
    assert shown["ingest.policy"].split()[1:] == ["(absent)", "default"]


def test_json_holds_the_same_and_the_hash(capsys):
    assert run("--json", "--set", "graph.neighbours=9") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["hash"] == load_settings(sets=["graph.neighbours=9"]).hash
    assert report["settings"]["graph.neighbours"]["value"] == 9
    assert report["settings"]["graph.neighbours"]["default"] == 15
    assert report["settings"]["graph.resolution"]["live"] is True


def test_checking_says_valid_or_fails(capsys, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[graph]\nneighbours = 9\n")
    assert run("--check", "--config", str(file)) == 0
    assert "valid: 1 settings given" in capsys.readouterr().out
    file.write_text("[graph]\nneighbours = 0\n")
    with pytest.raises(ConfigError, match=r"graph\.neighbours = 0"):
        run("--check", "--config", str(file))


def test_a_file_that_is_absent_is_not_valid(capsys, tmp_path):
    absent = f"preprocess.dark={tmp_path}/dark.npy"
    with pytest.raises(ConfigError, match=r"preprocess\.dark"):
        run("--check", "--set", absent)
    assert run("--set", absent) == 0


def test_init_writes_every_setting_once_and_changes_nothing(tmp_path, capsys):
    file = tmp_path / "scopeside.toml"
    assert main(["config", "init", "-o", str(file)]) == 0
    assert load_settings([file]).settings == Settings()
    before = file.read_text()
    assert main(["config", "init", "-o", str(file)]) == 5
    assert main(["config", "init", "-o", str(tmp_path / "absent" / "file")]) == 5
    assert main(["config", "-o", str(file)]) == 2
    assert file.read_text() == before
    assert capsys.readouterr().err.count("\n") == 3
