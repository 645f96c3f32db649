"""`serve` in this process: what it refuses, and that it ends as it was told."""

import logging
import signal
import threading

import pytest

from live import ANSWER_S, READY_S, SMALL, ipc_endpoints, serve_words
from scopeside import cli
from scopeside.client.control import ControlClient
from scopeside.errors import DeviceLostError


@pytest.fixture(autouse=True)
def log():
    """The command sets up logging for its process; this process is ours."""
    logger = logging.getLogger("scopeside")
    before = logger.handlers, logger.propagate, logger.level
    yield
    logger.handlers, logger.propagate = before[:2]
    logger.setLevel(before[2])


@pytest.mark.parametrize(
    ("sets", "code", "words"),
    [
        (["ingest.polciy=latest"], 2, ["ingest.polciy", "ingest.policy"]),
        (["graph.neighbours=0"], 2, ["graph.neighbours = 0"]),
        (["chips.size_px=32", "chips.stride_px=64"], 2, ["chips"]),
        (["publish.results=nonsense"], 2, ["publish.results"]),
        (["publish.results=ipc:///proc/none/r"], 3, ["publish.results = ipc:///proc/none/r"]),
        (["ingest.endpoint=tcp://*:5"], 3, ["ingest.endpoint = tcp://*:5"]),
        (["control.endpoint=tcp://nowhere:1"], 3, ["control.endpoint = tcp://nowhere:1"]),
        (["ingest.endpoint=tcp://127.0.0.1"], 2, ["ingest.endpoint = "]),
        (["preprocess.flat={folder}/absent.npy"], 2, ["preprocess.flat", "absent.npy"]),
        (["security.curve=true"], 2, ["security.server_key is not set"]),
    ],
)
def test_what_it_cannot_start_with_is_one_sentence(tmp_path, capsys, sets, code, words):
    given = [*SMALL, "log.level=error", *(one.format(folder=tmp_path) for one in sets)]
    assert cli.main(serve_words(ipc_endpoints(tmp_path), given)) == code
    out, err = capsys.readouterr()
    assert out == ""
    (sentence,) = err.splitlines()
    for word in words:
        assert word in sentence


def test_a_preset_that_is_none_names_those_there_are(tmp_path, capsys):
    assert cli.main(["serve", "--config", "absent"]) == 2
    sentence = capsys.readouterr().err
    assert '"absent"' in sentence
    assert "parity" in sentence


def test_it_serves_until_it_is_told_to_stop_and_leaves_signals_as_they_were(tmp_path, capsys):
    endpoints, states = ipc_endpoints(tmp_path), []
    handlers = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]

    def drain():
        with ControlClient(endpoints.control, timeout_s=ANSWER_S) as control:
            states.append(control.wait_until("ready", READY_S)["state"])
            states.append(control.call("drain")["state"])

    draining = threading.Thread(target=drain)
    draining.start()
    assert cli.main(serve_words(endpoints, SMALL)) == 0
    draining.join()
    assert states == ["ready", "draining"]
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == handlers
    events = [line.split("event=")[1].split()[0] for line in capsys.readouterr().err.splitlines()]
    assert events == ["warming", "ready", "stopped"]


def test_a_lost_gpu_ends_the_process_at_once_with_its_own_exit_code(tmp_path, capsys, monkeypatch):
    def lost(service, compute):
        raise DeviceLostError("cuda:0 takes no more work from this process.")

    def leave(code):
        raise SystemExit(code)

    monkeypatch.setattr("scopeside.runtime.service.Service._serve", lost)
    monkeypatch.setattr("os._exit", leave)
    with pytest.raises(SystemExit) as left:
        cli.main(serve_words(ipc_endpoints(tmp_path), SMALL))
    assert left.value.code == 10
    assert "scopeside: cuda:0 takes no more work" in capsys.readouterr().err
