"""The control endpoint over real sockets, with commands that do as the test says."""

import threading
from contextlib import ExitStack

import msgpack
import pytest
import zmq

from scopeside.errors import ConfigError, EndpointError, ServiceError
from scopeside.runtime.control import ControlServer
from scopeside.stages.publish import MAX_INCOMING_BYTES
from scopeside.wire.control import MAX_REQUEST_BYTES

ANSWER_MS = 20_000


class Commands:
    """Says what it was asked; raises `fault` where there is one."""

    def __init__(self):
        self.asked = []
        self.fault = None

    def __getattr__(self, name):
        def command(*arguments):
            self.asked.append((name, *arguments))
            if self.fault is not None:
                raise self.fault
            return {"did": name}

        return command


@pytest.fixture
def commands():
    return Commands()


@pytest.fixture
def server(tmp_path, commands):
    context = zmq.Context()
    endpoint = f"ipc://{tmp_path}/c"
    server = ControlServer(endpoint, context, secure=lambda socket: None, commands=commands)
    stop = threading.Event()
    thread = threading.Thread(target=server.run, args=(stop,))
    thread.start()
    yield endpoint
    stop.set()
    thread.join(20)
    assert not thread.is_alive()
    context.term()


@pytest.fixture
def connect(server):
    context = zmq.Context()

    with ExitStack() as opened:

        def connect(kind):
            socket = opened.enter_context(context.socket(kind))
            socket.linger = 0
            socket.connect(server)
            return socket

        yield connect
    context.term()


def heard(socket):
    assert socket.poll(ANSWER_MS), "no answer"
    return socket.recv_multipart()


def ask(socket, **request):
    socket.send(msgpack.packb({"v": 1, "id": 1} | request))
    (reply,) = heard(socket)
    return msgpack.unpackb(reply)


@pytest.mark.parametrize(
    ("request_", "asked"),
    [
        ({"cmd": "status"}, ("status",)),
        ({"cmd": "config"}, ("config",)),
        ({"cmd": "reset"}, ("reset",)),
        ({"cmd": "pause"}, ("pause",)),
        ({"cmd": "resume"}, ("resume",)),
        ({"cmd": "drain"}, ("drain",)),
        (
            {"cmd": "set", "values": {"graph.resolution": 0.5}},
            ("set_values", {"graph.resolution": 0.5}),
        ),
        ({"cmd": "name", "community": 3, "name": "oxide"}, ("name", 3, "oxide")),
    ],
)
def test_a_request_is_done_and_answered(connect, commands, request_, asked):
    reply = ask(connect(zmq.REQ), **request_)
    assert reply == {"v": 1, "id": 1, "ok": True, "did": asked[0]}
    assert commands.asked == [asked]


def test_ping_asks_nothing_of_the_service(connect, commands):
    assert ask(connect(zmq.REQ), cmd="ping") == {"v": 1, "id": 1, "ok": True}
    assert commands.asked == []


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (ConfigError("There is no key nope."), "bad_value", "no key nope"),
        (ServiceError("The service is warming."), "bad_state", "is warming"),
        (KeyError("absent"), "internal", "KeyError"),
    ],
)
def test_a_command_that_fails_is_answered_and_the_next_one_done(
    connect, commands, fault, code, words
):
    socket = connect(zmq.REQ)
    commands.fault = fault
    reply = ask(socket, cmd="reset", id="a")
    assert (reply["id"], reply["ok"], reply["error"]["code"]) == ("a", False, code)
    assert words in reply["error"]["message"]
    commands.fault = None
    assert ask(socket, cmd="reset")["ok"]


def test_an_answer_that_cannot_be_packed_is_an_error_like_any_other(connect, commands):
    commands.status = lambda: {"thing": object()}
    socket = connect(zmq.REQ)
    assert ask(socket, cmd="status")["error"]["code"] == "internal"
    assert ask(socket, cmd="ping")["ok"]


def test_a_dealer_gets_its_envelope_back_as_it_came(connect):
    request = msgpack.packb({"v": 1, "id": 5, "cmd": "ping"})
    socket = connect(zmq.DEALER)
    for envelope in ([], [b""], [b"way", b"back", b""]):
        socket.send_multipart([*envelope, request])
        *returned, reply = heard(socket)
        assert returned == envelope
        assert msgpack.unpackb(reply)["id"] == 5


def test_one_requester_cannot_keep_the_others_waiting(connect):
    rude, polite = connect(zmq.DEALER), connect(zmq.REQ)
    for number in range(3000):
        rude.send(msgpack.packb({"v": 1, "id": number, "cmd": "ping"}))
    assert ask(polite, cmd="ping")["ok"]


def test_a_request_too_large_is_refused_and_one_far_too_large_cut_off(connect):
    socket, glutton = connect(zmq.REQ), connect(zmq.REQ)
    socket.send(bytes(MAX_REQUEST_BYTES + 1))
    assert msgpack.unpackb(heard(socket)[0])["error"]["code"] == "bad_request"
    glutton.send(bytes(MAX_INCOMING_BYTES + 1))
    assert ask(socket, cmd="ping")["ok"]
    assert not glutton.poll(200)


def test_an_endpoint_that_is_none_is_named_with_its_setting(commands):
    context = zmq.Context()
    with pytest.raises(EndpointError, match=r"control\.endpoint = tcp://nowhere:1"):
        ControlServer("tcp://nowhere:1", context, secure=lambda socket: None, commands=commands)
    context.term()
