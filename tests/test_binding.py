import socket

import pytest

from scopeside.binding import ipc_in_use, remove_ipc


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
