"""Ingest over real sockets: limits, policies, cuts and come-backs."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
import zmq

from hostile_wire import CASES
from scopeside.channels import Channel
from scopeside.errors import EndpointError
from scopeside.messages import Channel as Detector
from scopeside.messages import Frame
from scopeside.ports import MessageTap
from scopeside.settings import IngestSettings, LimitSettings
from scopeside.stages.books import Books
from scopeside.stages.ingest import Ingest, is_local
from scopeside.stages.intake import Intake
from scopeside.testing.fakes import ListTap
from scopeside.wire.native import encode_end, encode_frame

WAIT_S = 20.0
Socket = zmq.Socket[bytes]


def eventually(happens: Callable[[], object]) -> None:
    """Wait until something happens, however long a busy machine needs."""
    until_s = time.monotonic() + WAIT_S
    while not happens():
        assert time.monotonic() < until_s, "it never happened"
        time.sleep(0.005)


def frame(number: int, *, series: str = "s", side_px: int = 8) -> Any:
    image_YX = np.full((side_px, side_px), number, "<u2")
    return encode_frame(
        series=series, number=number, t_ns=1, channels=[Detector(name="a", values=image_YX)]
    )


class Rig:
    """An ingest in its thread, and the contexts that tests send from."""

    def __init__(self) -> None:
        self.context: zmq.Context[Socket] = zmq.Context()
        self.events: list[dict[str, Any]] = []
        self.books = Books()
        self._stop = Event()
        self._threads: list[Thread] = []
        self._senders: list[Socket] = []  # kept open until the test is over

    def ingest(
        self, limits: LimitSettings | None = None, tap: MessageTap | None = None, **settings: Any
    ) -> Ingest:
        given = IngestSettings(**settings)
        self.frames: Channel[Frame] = Channel(
            name="frames", policy=given.effective_policy, capacity=given.queue_frames
        )
        limits = limits or LimitSettings()
        self.intake = Intake(
            limits=limits,
            frames=self.frames,
            books=self.books,
            emit=self.events.append,
            same_host=is_local(given.endpoint),
        )
        return Ingest(given, limits, context=self.context, intake=self.intake, tap=tap)

    def run(self, ingest: Ingest) -> None:
        thread = Thread(target=ingest.run, args=(self._stop,))
        thread.start()
        self._threads.append(thread)

    def sender(self, kind: int) -> Socket:
        socket = self.context.socket(kind)
        socket.linger = 0
        socket.sndhwm = 4
        self._senders.append(socket)
        return socket

    def take(self) -> Frame:
        frame = self.frames.get(timeout_s=WAIT_S)
        self.books.segmented(frame.series)
        self.intake.published(frame.series)
        return frame

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(WAIT_S)
            assert not thread.is_alive()
        self.context.destroy(linger=0)


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.close()


@pytest.fixture
def ipc(tmp_path: Path) -> str:
    return f"ipc://{tmp_path}/frames"


def bound(publisher: Socket, endpoint: str) -> bool:
    """Bind, unless the one before still holds the endpoint."""
    try:
        publisher.bind(endpoint)
    except zmq.ZMQError:
        return False
    return True


def greet(publisher: Socket) -> None:
    """Wait for the subscription: what is sent before is lost."""
    assert publisher.poll(int(1000 * WAIT_S))
    assert publisher.recv() == b"\x01"


def test_frames_arrive_over_pull_that_binds(rig: Rig, ipc: str) -> None:
    rig.run(rig.ingest(endpoint=ipc, socket="pull", attach="bind"))
    push = rig.sender(zmq.PUSH)
    push.connect(ipc)
    for number in range(10):
        push.send_multipart(frame(number))
        got = rig.take()
        assert got.number == number
        assert got.same_host
        np.testing.assert_array_equal(got.image_YX, np.full((8, 8), number))


def test_frames_arrive_over_sub_that_connects(rig: Rig) -> None:
    publisher = rig.sender(zmq.XPUB)
    port = publisher.bind_to_random_port("tcp://127.0.0.1")
    rig.run(rig.ingest(endpoint=f"tcp://127.0.0.1:{port}"))
    greet(publisher)
    publisher.send_multipart(frame(0))
    got = rig.take()
    assert not got.image_YX.flags.writeable
    before_ns = got.received_ns
    assert abs(time.time_ns() - before_ns) < 60e9


def test_a_tap_is_offered_every_message_as_it_came_and_costs_no_frame(rig: Rig, ipc: str) -> None:
    tap = ListTap(room=3)
    rig.run(rig.ingest(endpoint=ipc, socket="pull", attach="bind", tap=tap))
    push = rig.sender(zmq.PUSH)
    push.connect(ipc)
    sent = [frame(0), [b"garbage", b"", b"\x00"], frame(1), frame(2), frame(3)]
    taken = []
    for message in sent:
        push.send_multipart(message)
        if message[0] != b"garbage":
            taken.append(rig.take())
    assert [one.number for one in taken] == [0, 1, 2, 3]
    assert [parts for parts, _, _ in tap.messages] == [
        tuple(bytes(part) for part in message) for message in sent[:3]
    ]
    assert tap.messages[0][1:] == (taken[0].received_ns, taken[0].received_s)
    assert tap.dropped == 2
    eventually(lambda: tap.looks > 2)


def test_wrong_topics_are_seen_and_counted(rig: Rig, ipc: str) -> None:
    publisher = rig.sender(zmq.XPUB)
    publisher.bind(ipc)
    rig.run(rig.ingest(endpoint=ipc))
    greet(publisher)
    publisher.send(b"status")
    publisher.send_multipart([b"other.topic", b"x"])
    eventually(lambda: rig.books.totals().dropped.get("bad_topic") == 2)


def test_hostile_messages_over_a_socket_leave_the_stream_alive(rig: Rig, ipc: str) -> None:
    rig.run(rig.ingest(endpoint=ipc, socket="pull", attach="bind"))
    push = rig.sender(zmq.PUSH)
    push.connect(ipc)
    bad = [case for case in CASES if case.reason is not None]
    for number, case in enumerate(bad):
        push.send_multipart(case.parts)
        push.send_multipart(frame(number))
        assert rig.take().number == number
    totals = rig.books.totals()
    assert totals.balanced
    assert sum(totals.dropped.values()) == len(bad)


def test_lossless_leaves_the_socket_unread_when_full(rig: Rig, ipc: str) -> None:
    ingest = rig.ingest(endpoint=ipc, socket="pull", attach="bind", queue_frames=2, hwm_messages=2)
    rig.run(ingest)
    push = rig.sender(zmq.PUSH)
    push.connect(ipc)
    sent = 0
    # The sender feels it: at some point its socket takes no more.
    while push.poll(500, zmq.POLLOUT) and sent < 400:
        push.send_multipart(frame(sent, side_px=256))
        sent += 1
    assert sent < 400
    eventually(lambda: rig.books.totals().in_flight == 2)
    assert [rig.take().number for _ in range(sent)] == list(range(sent))
    assert dict(rig.books.totals().dropped) == {}


def test_paused_lossless_leaves_the_socket_unread_and_resumes(rig: Rig, ipc: str) -> None:
    ingest = rig.ingest(endpoint=ipc, socket="pull", attach="bind")
    rig.intake.pause()
    rig.run(ingest)
    push = rig.sender(zmq.PUSH)
    push.connect(ipc)
    push.send_multipart(frame(0))
    turns = ingest.turns.count
    eventually(lambda: ingest.turns.count > turns + 2)
    assert rig.books.totals().received == 0
    rig.intake.resume()
    assert rig.take().number == 0


def test_frame_that_came_with_a_pause_is_held_and_counted_when_the_service_stops(
    rig: Rig, ipc: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest = rig.ingest(endpoint=ipc, socket="pull", attach="bind")
    push = rig.sender(zmq.PUSH)
    push.connect(ipc)
    push.send_multipart(frame(0))
    # Not paused when the wait for a message begins, and paused when it has come.
    looks = iter([False, True])
    monkeypatch.setattr(Intake, "paused", property(lambda _self: next(looks, True)))
    ingest.turn()
    assert next(looks, None) is None
    ingest.turn()
    assert rig.books.totals().received == 0
    stopped = Event()
    stopped.set()
    ingest.run(stopped)
    totals = rig.books.totals()
    assert (totals.received, totals.in_flight) == (1, 1)


def test_latest_never_waits_for_compute(rig: Rig, ipc: str) -> None:
    rig.run(rig.ingest(endpoint=ipc, socket="pull", attach="bind", policy="latest"))
    push = rig.sender(zmq.PUSH)
    push.connect(ipc)
    for number in range(50):
        push.send_multipart(frame(number))
    eventually(lambda: rig.books.totals().received == 50)
    assert rig.take().number == 49
    assert dict(rig.books.totals().dropped) == {"overload": 49}


def test_message_somewhat_too_large_is_counted_and_the_stream_goes_on(rig: Rig, ipc: str) -> None:
    limits = LimitSettings(message_bytes=4096)
    rig.run(rig.ingest(limits, endpoint=ipc, socket="pull", attach="bind"))
    push = rig.sender(zmq.PUSH)
    push.connect(ipc)
    push.send_multipart(frame(0, side_px=50))
    push.send_multipart(frame(1))
    assert rig.take().number == 1
    assert dict(rig.books.totals().dropped) == {"too_large": 1}


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_connecting_socket_comes_back_after_an_insane_message(
    rig: Rig, ipc: str, transport: str
) -> None:
    publisher = rig.sender(zmq.XPUB)
    publisher.bind("tcp://127.0.0.1:*" if transport == "tcp" else ipc)
    limits = LimitSettings(message_bytes=4096)
    rig.run(rig.ingest(limits, endpoint=publisher.getsockopt_string(zmq.LAST_ENDPOINT)))
    for cut in range(1, 3):
        greet(publisher)
        publisher.send_multipart(frame(cut))
        assert rig.take().number == cut
        publisher.send_multipart(frame(99, side_px=200))
        # The old subscription goes with the connection that was cut.
        assert publisher.poll(int(1000 * WAIT_S))
        assert publisher.recv() == b"\x00"
        eventually(lambda cut=cut: rig.books.totals().dropped.get("too_large") == cut)
    greet(publisher)
    publisher.send_multipart(frame(3))
    assert rig.take().number == 3
    rig.intake.reports.flush(everything=True)
    errors = [event for event in rig.events if event["kind"] == "error"]
    assert {event["code"] for event in errors} == {"connection_cut"}
    assert sum(event["count"] for event in errors) == 2


def test_sender_of_the_wrong_kind_is_reported_and_the_right_one_found(rig: Rig) -> None:
    wrong = rig.sender(zmq.PUSH)
    port = wrong.bind_to_random_port("tcp://127.0.0.1")
    rig.run(rig.ingest(endpoint=f"tcp://127.0.0.1:{port}"))
    eventually(lambda: any(event["kind"] == "error" for event in rig.events))
    error = next(event for event in rig.events if event["kind"] == "error")
    assert error["code"] == "connection_cut"
    assert "PUB socket" in error["message"]
    assert rig.books.totals().received == 0
    wrong.close()
    right = rig.sender(zmq.XPUB)
    eventually(lambda: bound(right, f"tcp://127.0.0.1:{port}"))
    greet(right)
    right.send_multipart(frame(0))
    assert rig.take().number == 0


def test_scanner_at_a_bound_port_is_reported_and_the_stream_goes_on(rig: Rig) -> None:
    ingest = rig.ingest(endpoint="tcp://127.0.0.1:*", socket="pull", attach="bind")
    rig.run(ingest)
    push = rig.sender(zmq.PUSH)
    push.connect(ingest.endpoint)
    push.send_multipart(frame(0))
    assert rig.take().number == 0
    with socket.create_connection(("127.0.0.1", int(ingest.endpoint.rpartition(":")[2]))) as scan:
        scan.sendall(b"GET / HTTP/1.1\r\nHost: microscope\r\n\r\n")
    eventually(lambda: any(event["kind"] == "error" for event in rig.events))
    error = next(event for event in rig.events if event["kind"] == "error")
    assert error["code"] == "handshake_failed"
    push.send_multipart(frame(1))
    assert rig.take().number == 1


def test_publisher_that_restarts_is_found_again_without_an_error(rig: Rig) -> None:
    first = rig.sender(zmq.XPUB)
    port = first.bind_to_random_port("tcp://127.0.0.1")
    rig.run(rig.ingest(endpoint=f"tcp://127.0.0.1:{port}"))
    greet(first)
    first.send_multipart(frame(0))
    assert rig.take().number == 0
    first.close()
    second = rig.sender(zmq.XPUB)
    eventually(lambda: bound(second, f"tcp://127.0.0.1:{port}"))
    greet(second)
    second.send_multipart(frame(1))
    second.send_multipart(frame(2))
    assert rig.take().number in (1, 2)
    eventually(lambda: rig.books.totals().received == 3)
    books = rig.books.snapshot("s")
    assert (books.duplicate, books.missing) == (0, 0)
    assert [event for event in rig.events if event["kind"] == "error"] == []


def test_end_of_a_series_is_told_without_another_message(rig: Rig, ipc: str) -> None:
    rig.run(rig.ingest(endpoint=ipc, socket="pull", attach="bind"))
    push = rig.sender(zmq.PUSH)
    push.connect(ipc)
    push.send_multipart(frame(0))
    push.send_multipart(encode_end(series="s", t_ns=1, frames=1))
    eventually(lambda: rig.intake.gate.current is None and rig.books.totals().received == 1)
    rig.take()
    eventually(lambda: any(event.get("event") == "ended" for event in rig.events))


def test_endpoint_in_use_is_one_clear_sentence(rig: Rig) -> None:
    holder = rig.sender(zmq.PUSH)
    port = holder.bind_to_random_port("tcp://127.0.0.1")
    with pytest.raises(EndpointError, match=f"ingest.endpoint = tcp://127.0.0.1:{port} ") as caught:
        rig.ingest(endpoint=f"tcp://127.0.0.1:{port}", socket="pull", attach="bind")
    assert "stop the program that holds it" in str(caught.value)
    assert str(caught.value).count(str(port)) == 1


def test_endpoint_that_makes_no_sense_is_one_clear_sentence(rig: Rig) -> None:
    with pytest.raises(EndpointError, match="cannot be connected"):
        rig.ingest(endpoint=f"ipc:///{'far/' * 40}away")


def test_limits_are_set_before_anything_connects(rig: Rig, ipc: str) -> None:
    seen: list[tuple[int, int, bytes | str]] = []

    def look(socket: Socket) -> None:
        seen.append(
            (socket.rcvhwm, socket.getsockopt(zmq.MAXMSGSIZE), socket.getsockopt(zmq.LAST_ENDPOINT))
        )

    intake = rig.ingest(endpoint=ipc)
    intake.close()
    Ingest(
        IngestSettings(endpoint=ipc, hwm_messages=7),
        LimitSettings(message_bytes=5000),
        context=rig.context,
        intake=rig.intake,
        secure=look,
    ).close()
    assert seen == [(7, 10_000, b"")]


def test_closing_twice_is_harmless_and_leaves_no_socket(rig: Rig, ipc: str) -> None:
    ingest = rig.ingest(endpoint=ipc)
    ingest.close()
    ingest.close()
    rig.context.term()


@pytest.mark.parametrize(
    ("endpoint", "local"),
    [
        ("tcp://127.0.0.1:5555", True),
        ("tcp://localhost:5555", True),
        ("tcp://[::1]:5555", True),
        ("ipc:///tmp/x", True),
        ("inproc://x", True),
        ("tcp://10.0.0.7:5555", False),
        ("tcp://*:5555", False),
        ("tcp://localhost.example.org:5555", False),
    ],
)
def test_only_loopback_and_ipc_are_surely_this_machine(endpoint: str, local: bool) -> None:
    assert is_local(endpoint) is local
