"""The command `control` against a live service."""

import json

import pytest

from live import ANSWER_S, ipc_endpoints, running, two_phases
from scopeside.cli import main
from scopeside.commands.control import request_fields
from scopeside.errors import ConfigError


def test_words_become_the_fields_of_a_request():
    assert request_fields("name", ["community=3", "name="]) == {"community": 3, "name": None}
    assert request_fields("targets", ["community=amorphous", "metres=true"]) == {
        "community": "amorphous",
        "metres": True,
    }
    assert request_fields("set", ["graph.resolution=0.5"]) == {"values": {"graph.resolution": 0.5}}
    rule = request_fields("rules", ["action=set", 'rule={name="a", above=1}'])
    assert rule == {"action": "set", "rule": {"name": "a", "above": 1}}


@pytest.mark.parametrize("word", ["community", "=3", "cmd=ping"])
def test_words_that_are_no_fields_are_refused(word):
    with pytest.raises(ConfigError):
        request_fields("name", [word])


def test_requests_are_answered_in_json_and_refusals_in_a_sentence(tmp_path, capsys):
    endpoints = ipc_endpoints(tmp_path)
    to = ["--to", endpoints.control]
    with (
        running(endpoints, sets=["ingest.socket=pull"]) as service,
        service.publisher(socket="push") as publisher,
    ):
        publisher.start("s")
        publisher.frame(two_phases())
        id_ = service.results.receive(ANSWER_S).communities[0].id
        assert main(["control", "name", f"community={id_}", "name=left", *to]) == 0
        assert json.loads(capsys.readouterr().out) == {"community": id_, "name": "left"}
        assert main(["control", "targets", "community=left", "count=2", *to]) == 0
        assert json.loads(capsys.readouterr().out)["points"][0]["community"] == id_
        assert main(["control", "targets", "community=nobody", *to]) == 9
        assert "No community is named 'nobody'" in capsys.readouterr().err
        assert main(["control", "set", "graph.resolution=0.5", *to]) == 0
        assert service.control.call("config")["config"]["graph"]["resolution"] == 0.5
    assert main(["control", "ping", "--timeout", "0.1", *to]) == 3
