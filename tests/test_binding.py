import errno
import socket

import pytest
import zmq

from scopeside.binding import in_use, ipc_in_use, remove_ipc, require_port, unusable


@pytest.fixture
def bound(tmp_path):
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        yield path


def test_an_endpoint_that_a_program_serves_is_in_use(bound):
    assert ipc_in_use(f"ipc://{bound}")


def test_a_file_left_behind_is_free(tmp_path):
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    assert path.is_socket()
    assert not ipc_in_use(f"ipc://{path}")


def test_what_is_no_socket_is_left_to_zeromq(tmp_path):
    (tmp_path / "file").write_text("")
    for endpoint in (f"ipc://{tmp_path}/absent", f"ipc://{tmp_path}/file", "tcp://127.0.0.1:1"):
        assert not ipc_in_use(endpoint)


def test_the_file_of_a_socket_is_removed_and_nothing_else(bound, tmp_path):
    (tmp_path / "file").write_text("")
    for endpoint in (f"ipc://{bound}", f"ipc://{tmp_path}/file", f"ipc://{tmp_path}/absent"):
        remove_ipc(endpoint)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.fixture
def held():
    """A port that ZeroMQ listens at, and the call that ends it."""
    with zmq.Context() as context, context.socket(zmq.PULL) as server:
        yield server.bind_to_random_port("tcp://127.0.0.1", min_port=20_000, max_port=32_000)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "*", "0.0.0.0"])
def test_a_port_that_a_program_listens_at_is_in_use(held, host):
    assert in_use(f"tcp://{host}:{held}")


def test_a_free_port_is_free_and_stays_so():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
    assert not in_use(f"tcp://127.0.0.1:{port}")
    with zmq.Context() as context, context.socket(zmq.PULL) as server:
        server.bind(f"tcp://127.0.0.1:{port}")


def test_the_look_lets_no_sender_in(monkeypatch):
    bind, answers = socket.socket.bind, []

    def bind_and_knock(probe, address):
        bind(probe, address)
        with socket.socket() as sender:
            answers.append(sender.connect_ex(probe.getsockname()))

    monkeypatch.setattr(socket.socket, "bind", bind_and_knock)
    assert not in_use("tcp://127.0.0.1:0")
    assert answers == [errno.ECONNREFUSED]


@pytest.mark.parametrize(
    "endpoint",
    ["tcp://127.0.0.1:*", "tcp://lo:1", "tcp://127.0.0.1:99999", "tcp://203.0.113.1:1", "nonsense"],
)
def test_an_address_that_cannot_be_judged_is_left_to_zeromq(endpoint):
    assert not in_use(endpoint)


def test_a_file_socket_counts_too(bound):
    assert in_use(f"ipc://{bound}")


def test_the_sentence_has_the_address_once_and_a_fix(held):
    endpoint = f"tcp://127.0.0.1:{held}"
    with zmq.Context() as context, context.socket(zmq.PULL) as late:
        with pytest.raises(zmq.ZMQError) as refusal:
            late.bind(endpoint)
        assert unusable(f"x = {endpoint}", refusal.value, attach="bind") == (
            f"x = {endpoint} cannot be bound (Address already in use): "
            "stop the program that holds it, or choose another endpoint."
        )
        with pytest.raises(zmq.ZMQError) as refusal:
            late.connect("nonsense")
    assert unusable("y", refusal.value, attach="connect") == (
        "y cannot be connected (Invalid argument): choose another, as tcp://HOST:PORT (up to 65535)"
        " or ipc://FILE."
    )


@pytest.mark.parametrize("port", ["65536", "99999", "55x", "", "-1", "\u0665"])
def test_a_port_that_is_none_is_refused_before_zeromq_takes_another(port):
    with pytest.raises(zmq.ZMQError):
        require_port(f"tcp://127.0.0.1:{port}")


@pytest.mark.parametrize(
    "endpoint",
    ["tcp://127.0.0.1:65535", "tcp://*:*", "tcp://[::1]:0", "ipc:///a:99999", "nonsense"],
)
def test_other_endpoints_are_left_to_zeromq(endpoint):
    require_port(endpoint)
