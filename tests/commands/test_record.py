"""Arguments of `scopeside record`; recordings themselves are tested as processes."""

import json
import threading
from contextlib import contextmanager

import pytest
import zmq

from scopeside import cli
from scopeside.client.publisher import FramePublisher
from scopeside.commands import record
from scopeside.recording import listening
from scopeside.recording.tap import Tap


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--seconds", "0"], 2, "--seconds"),
        (["--messages", "0"], 2, "--messages"),
        (["--from", "tcp://127.0.0.1:99999"], 3, "up to 65535"),
        (["--from", "nonsense"], 3, '"nonsense" cannot be connected'),
        (["--server-key", "a.key"], 2, "--client-key"),
        (["--out", "absent/run.h5"], 5, "folder that exists"),
    ],
)
def test_what_cannot_be_is_one_sentence(tmp_path, monkeypatch, capsys, options, code, said):
    monkeypatch.chdir(tmp_path)
    words = ["record", "--from", f"ipc://{tmp_path}/f", "--out", "run.h5"]
    assert cli.main([*words, *options]) == code
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert said in error
    assert not (tmp_path / "run.h5").exists()


@pytest.mark.parametrize(
    ("text", "size"), [("100", 100), ("2GB", 2 * 10**9), ("1.5 MiB", 1572864), ("3kb", 3000)]
)
def test_sizes_are_written_as_people_do(text, size):
    from scopeside.commands.byte_size import byte_size

    assert byte_size(text) == size


@pytest.mark.parametrize("text", ["", "-1", "2 apples", "GB"])
def test_what_is_no_size_is_a_wrong_argument(text, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["record", "-o", "run.h5", f"--split={text}"])
    assert ended.value.code == 2
    assert "no size" in capsys.readouterr().err


def test_time_alone_ends_a_recording_of_silence(tmp_path, capsys):
    words = ["record", "--from", f"ipc://{tmp_path}/f", "-o", str(tmp_path / "run.h5")]
    assert cli.main([*words, "--seconds", "0.1"]) == 0
    said = capsys.readouterr().out
    assert "0 messages came in 0." in said
    assert "recorded 0 of 0 messages in 1 file, 0 not recorded" in said


@contextmanager
def pushing(endpoint, messages):
    """Everything handed to a PUSH socket that connects; it lives to the end of the block."""
    context = zmq.Context()
    socket = context.socket(zmq.PUSH)
    socket.setsockopt(zmq.LINGER, 0)
    socket.connect(endpoint)
    for message in messages:
        socket.send(message)
    yield
    socket.close()
    context.term()


def test_why_a_recording_cannot_be_is_said_once(tmp_path, capsys):
    words = ["record", "--from", f"ipc://{tmp_path}/f", "--out", str(tmp_path / "absent" / "r.h5")]
    assert cli.main(words) == 5
    told = capsys.readouterr()
    assert (told.out + told.err).count("cannot be written") == 1


def test_what_a_pull_socket_had_fetched_ahead_is_counted_and_said(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(listening, "COUNTING_S", 30.0)  # no pause of this machine ends it
    endpoint, report = f"ipc://{tmp_path}/f", tmp_path / "report.json"
    words = [
        "record",
        "--from",
        endpoint,
        "-o",
        str(tmp_path / "run.h5"),
        "--socket",
        "pull",
        "--attach",
        "bind",
    ]
    with pushing(endpoint, [b"%d" % number for number in range(30)]):
        assert cli.main([*words, "--messages", "5", "--report", str(report)]) == 0
    found = json.loads(report.read_text())
    assert (found["recorded"], found["messages"], found["left_behind"]) == (5, 5, 25)
    assert "25 more messages at least were taken from the sender" in capsys.readouterr().out


def test_counting_what_was_fetched_ahead_does_not_empty_a_sender_that_goes_on(tmp_path):
    endpoint, done, sent_all = f"ipc://{tmp_path}/f", threading.Event(), threading.Event()

    def send_on():
        with FramePublisher(endpoint, socket="push", hwm_messages=1, linger_s=0.0) as publisher:
            for _ in range(100_000):
                while not publisher.ready(0.01):
                    if done.is_set():
                        return
                publisher.send([b"x"])
        sent_all.set()

    listener = listening.Listener(endpoint, socket="pull")
    sender = threading.Thread(target=send_on)
    sender.start()
    try:
        assert listener._socket.poll(30_000)
        assert listener.left_behind() > 0
        assert not sent_all.is_set()
    finally:
        done.set()
        sender.join()
        listener.close()


def test_where_nothing_was_fetched_ahead_nothing_is_said_of_it(tmp_path, capsys):
    endpoint = f"ipc://{tmp_path}/f"
    words = [
        "record",
        "--from",
        endpoint,
        "-o",
        str(tmp_path / "run.h5"),
        "--socket",
        "pull",
        "--attach",
        "bind",
    ]
    with pushing(endpoint, [b"0", b"1"]):
        assert cli.main([*words, "--messages", "2"]) == 0
    assert "taken from the sender" not in capsys.readouterr().out


class Overloaded(Tap):
    """A tap whose disk never takes anything."""

    def _fits(self, size):
        return False


def test_dropped_messages_are_summed_up_and_the_option_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(record, "Tap", Overloaded)
    endpoint = f"ipc://{tmp_path}/f"
    words = ["record", "--from", endpoint, "-o", str(tmp_path / "run.h5"), "--queue", "1MiB"]

    def publish():
        with FramePublisher(endpoint, hwm_messages=1000) as publisher:
            assert publisher.wait_for_subscriber(20.0)
            for _ in range(500):
                publisher.send([b"anything"])

    thread = threading.Thread(target=publish)
    thread.start()
    assert cli.main([*words, "--messages", "500"]) == 0
    thread.join()
    said = [line for line in capsys.readouterr().out.splitlines() if "dropped." in line]
    assert 1 < len(said) < 10
    counts = [int(line.split()[1]) for line in said]
    assert (counts[0], sum(counts)) == (1, 500)
    assert all("1 MiB of them wait, as many as --queue allows" in line for line in said)
