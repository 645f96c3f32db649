import argparse
import json

import pytest

from scopeside.commands import doctor
from scopeside.errors import EndpointError


def run(*words):
    parser = argparse.ArgumentParser()
    doctor.add_arguments(parser)
    return doctor.run(parser.parse_args(list(words)))


@pytest.fixture
def endpoints(tmp_path):
    names = ("publish.results", "publish.events", "control.endpoint")
    given = [("--set", f"{name}=ipc://{tmp_path}/{name}") for name in names]
    return [word for pair in given for word in pair]


def test_a_machine_with_everything_is_well(endpoints, capsys):
    pytest.importorskip("torch", reason="needs the engine")
    assert run(*endpoints) == 0
    text = capsys.readouterr().out
    for heading in ("machine", "packages", "engine", "endpoints"):
        assert heading in text.splitlines()
    assert "Everything that is needed is here." in text


def test_what_is_wrong_is_marked_and_how_to_mend_it_comes_last(endpoints, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert run(*endpoints, "--set", f"service.cache={tmp_path}/file/cache") == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(text.startswith("  !! cache") for text in lines)
    assert lines[-1] == "cache: Set service.cache to a folder of your own."


def test_json_holds_every_finding(endpoints, capsys):
    run(*endpoints, "--json")
    findings = json.loads(capsys.readouterr().out)
    assert {finding["section"] for finding in findings} >= {"machine", "packages", "endpoints"}
    assert {"section", "name", "value", "ok", "fix"} == set(findings[0])


def test_probing_a_silent_endpoint_fails_and_says_what_to_check(tmp_path, capsys):
    assert run("--probe", f"ipc://{tmp_path}/silent", "--seconds", "0.2") == 1
    text = capsys.readouterr().out
    assert "nothing arrived within 0.2 s" in text
    assert "PUSH needs pull" in text


def test_probing_an_impossible_endpoint_names_it():
    with pytest.raises(EndpointError, match="nonsense"):
        run("--probe", "nonsense", "--seconds", "0.1")


def test_a_service_that_does_not_answer_is_wrong_and_one_line_says_so(endpoints, capsys):
    assert run("--service", *endpoints) == 1
    text = capsys.readouterr().out
    assert "No reply" in text
    assert "scopeside serve" in text
    assert "machine" not in text.splitlines()


def test_a_publisher_and_the_service_are_not_asked_at_once(tmp_path):
    with pytest.raises(SystemExit):
        run("--service", "--probe", f"ipc://{tmp_path}/frames")
