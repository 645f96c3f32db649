"""The live page's WebSocket, as a program that is no page of ours would use it."""

import json
import time

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from live import READY_S, Endpoints, free_port, ipc_endpoints, running, two_phases
from scopeside.web.viewer import MOST_VIEWERS

pytestmark = pytest.mark.e2e

GARBAGE = [
    "",
    "[]",
    "null",
    "{",
    '{"type": 3}',
    '{"type": "picture"}',
    '{"type": "picture", "after": "x", "px": [], "confidence": 1}',
    '{"type": "picture", "after": 0, "px": 1e999, "confidence": false}',
    '{"type": "state", "frames": [1], "service": {}, "event": null}',
    '{"type": "call", "id": 1}',
    '{"type": "call", "id": 1, "cmd": {}, "arguments": 5}',
    "[" * 5000,
]


@pytest.fixture
def service(tmp_path):
    plain = ipc_endpoints(tmp_path)
    endpoints = Endpoints(
        *(plain.frames, plain.results, plain.events, plain.control),
        http=f"http://127.0.0.1:{free_port()}",
    )
    with running(endpoints, sets=["ingest.socket=pull"]) as service:
        yield service


def live(service, **options):
    address = service.endpoints.http.replace("http://", "ws://") + "/live"
    return connect(address, max_size=None, open_timeout=READY_S, **options)


def called(socket, command, arguments=None):
    asked = {"type": "call", "id": 7, "cmd": command, "arguments": arguments or {}}
    socket.send(json.dumps(asked))
    while True:
        message = json.loads(socket.recv(timeout=READY_S))
        if message.get("id") == 7:
            return message


def test_garbage_is_nothing_and_the_next_question_is_answered(service):
    with live(service) as socket:
        for text in GARBAGE:
            socket.send(text)
        assert called(socket, "pause")["ok"]
        assert service.status()["state"] == "paused"
        assert called(socket, "resume")["ok"]


def test_a_page_cannot_end_the_service_nor_change_what_it_computes(service):
    with live(service) as socket:
        for cmd in ("drain", "set", "reset", "config", "nothing"):
            reply = called(socket, cmd)
            assert not reply["ok"]
            assert f"{cmd!r}" in reply["why"]
        refused = called(socket, "name", {"community": 70_000, "name": "x"})
        assert "refused" in refused["why"]
        # Nor reach past the command into how it is sent.
        for more in ({"timeout_s": 1e9}, {"cmd": "drain"}, {"v": 2}, {"id": 1}):
            reply = called(socket, "name", {"community": 1, "name": "x"} | more)
            assert reply["why"].startswith("A page may not ask for 'name' with ")
    assert service.status()["state"] == "ready"


def test_bytes_and_messages_too_large_end_that_connection_alone(service):
    for message in (b"\x00\x01", "x" * 200_000):
        with live(service) as socket:
            socket.send(message)
            with pytest.raises(ConnectionClosed):
                socket.recv(timeout=READY_S)
    with live(service) as socket:
        assert called(socket, "resume")["ok"]


def test_another_origin_is_refused_before_anything_is_said(service):
    with pytest.raises(InvalidStatus) as refused, live(service, origin="http://evil.example"):
        pass
    assert refused.value.response.status_code == 403


def test_a_viewer_that_never_reads_holds_nobody_up(service):
    with service.publisher(socket="push") as microscope, live(service) as lazy:
        ask = json.dumps({"type": "picture", "after": 0, "px": 256, "confidence": True})
        for _ in range(50):
            lazy.send(ask)
        microscope.start("film")
        microscope.frame(two_phases())
        with live(service) as keen:
            keen.send(ask)
            assert isinstance(keen.recv(timeout=READY_S), bytes)


def test_pages_are_bounded_and_room_comes_back(service):
    sockets = [live(service).__enter__() for _ in range(MOST_VIEWERS)]
    try:
        with live(service) as one_more, pytest.raises(ConnectionClosed, match="pages are open"):
            one_more.recv(timeout=READY_S)
    finally:
        for socket in sockets:
            socket.close()
    until_s = time.monotonic() + READY_S
    while True:
        with live(service) as socket:
            try:
                assert called(socket, "resume")["ok"]
            except ConnectionClosed:
                assert time.monotonic() < until_s
                continue
            return
