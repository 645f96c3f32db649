"""`scopeside twin` as the process that it is."""

import pytest
import zmq

from live import free_ports, started
from receiving import receiver
from scopeside import cli
from scopeside.settings import LimitSettings
from scopeside.twin.client import TwinClient
from scopeside.wire.incoming import EndMessage, FrameMessage
from scopeside.wire.native import decode_message


@pytest.mark.e2e
@pytest.mark.parametrize(("socket", "kind"), [("pub", zmq.SUB), ("push", zmq.PULL)])
def test_a_twin_publishes_what_it_is_asked_for_and_stops_when_told(tmp_path, socket, kind):
    control, frames = (f"tcp://127.0.0.1:{port}" for port in free_ports(2))
    log = tmp_path / "log"
    words = ["--control", control, "--to", frames, "--socket", socket, "--shape", "24x32"]
    with (
        started("twin", *words, "--series", "one", log=log) as process,
        receiver(kind, frames) as to,
    ):
        with TwinClient(control, timeout_s=60.0) as client:
            client.move(10e-9, 0.0)
            assert client.acquire(2) == 1
            client.stop()
        assert process.wait(20) == 0
        messages = []
        while to.poll(2000):
            messages.append(decode_message(to.recv_multipart(), LimitSettings()))
            if isinstance(messages[-1], EndMessage):
                break

    frames_ = [message for message in messages if isinstance(message, FrameMessage)]
    assert [frame.number for frame in frames_] == [0, 1]
    assert {frame.series for frame in frames_} == {"one"}
    assert messages[-1].frames == 2
    assert "ended after 2 frames, 0 requests refused" in log.read_text()


@pytest.mark.parametrize(
    "words",
    [
        ("--fov", "0"),
        ("--dwell", "-1"),
        ("--speed", "0"),
        ("--seed", "-1"),
        ("--keep", "0"),
        ("--shape", "9000x16"),
    ],
)
def test_impossible_values_are_one_sentence_and_code_2(words, capsys):
    assert cli.main(["twin", *words]) == 2
    assert words[0] in capsys.readouterr().err


def test_an_endpoint_that_is_taken_is_code_3(tmp_path, capsys):
    with zmq.Context() as context, context.socket(zmq.ROUTER) as holder:
        port = holder.bind_to_random_port("tcp://127.0.0.1")
        code = cli.main(
            ["twin", "--control", f"tcp://127.0.0.1:{port}", "--to", f"ipc://{tmp_path}/f"]
        )

    assert code == 3
    assert "cannot be bound" in capsys.readouterr().err
