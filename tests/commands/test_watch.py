import argparse
import threading

import pytest
import zmq

from contract_messages import heartbeat, packed, result
from scopeside.commands import watch
from scopeside.errors import ConfigError, EndpointError


def arguments(*words):
    parser = argparse.ArgumentParser()
    watch.add_arguments(parser)
    return parser.parse_args(list(words))


@pytest.fixture
def service(tmp_path):
    """Publishes results 0 to 4 and a heartbeat as soon as both subscribers have joined."""
    context = zmq.Context()
    sockets = [context.socket(zmq.XPUB) for _ in range(2)]
    endpoints = [f"ipc://{tmp_path}/{name}" for name in ("results", "events")]
    for socket, endpoint in zip(sockets, endpoints, strict=True):
        socket.setsockopt(zmq.LINGER, 0)
        socket.bind(endpoint)

    def publish():
        if all(socket.poll(10_000) for socket in sockets):
            sockets[1].send(packed(heartbeat("ready")))
            sockets[0].send(b"garbage")
            for frame in range(5):
                sockets[0].send(packed(result(frame)))

    thread = threading.Thread(target=publish)
    thread.start()
    yield endpoints
    thread.join()
    for socket in sockets:
        socket.close()
    context.term()


def test_results_become_lines_until_enough_have_come(service, capsys):
    words = ("--results", service[0], "--events", service[1], "--frames", "5", "--plain")
    assert watch.run(arguments(*words)) == 0
    written = capsys.readouterr()
    lines = written.out.splitlines()
    assert [text.split(" |")[0] for text in lines] == [f"frame {n}" for n in range(5)]
    assert "1 message(s) were no results" in written.err


def test_endpoints_come_from_the_settings(service, capsys):
    words = ("--set", f"publish.results={service[0]}", "--set", f"publish.events={service[1]}")
    assert watch.run(arguments(*words, "--frames", "2")) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_silence_ends_in_a_sentence_that_helps(tmp_path, capsys):
    words = ("--results", f"ipc://{tmp_path}/r", "--events", f"ipc://{tmp_path}/e")
    with pytest.raises(EndpointError, match=r"Nothing has come from ipc://.*scopeside serve"):
        watch.run(arguments(*words, "--wait", "0.3"))


def test_half_of_the_curve_keys_is_not_enough(tmp_path):
    with pytest.raises(ConfigError, match="--client-key"):
        watch.run(arguments("--server-key", str(tmp_path / "a.key")))
