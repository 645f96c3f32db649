"""Whatever a stranger sends, to whatever port: good frames keep coming back and books balance."""

import random
import socket
import struct
import time
from collections import Counter
from contextlib import contextmanager

import pytest

from hostile_wire import CASES, SERIES
from live import (
    ANSWER_S,
    SMALL,
    balances,
    ipc_endpoints,
    listening,
    serving,
    status_of,
    tcp_endpoints,
    two_phases,
)
from scopeside.client.publisher import FramePublisher
from scopeside.errors import DropReason

pytestmark = pytest.mark.e2e

GOOD = two_phases((64, 48))


@pytest.fixture
def log(tmp_path):
    return tmp_path / "serve.log"


class Sender:
    """Sends good frames of one series, and waits for each to come back."""

    def __init__(self, publisher, heard, series):
        self.publisher = publisher
        self.heard = heard
        self.series = series
        self.sent = 0
        publisher.start(series)

    def good_frame(self):
        self.publisher.frame(GOOD, number=self.sent)
        result = self.heard.result(self.series)
        assert result.frame == self.sent
        assert result.accounting.balances
        self.sent += 1

    def good_frames_until_one_returns(self):
        """For a connection that may just be on its way down or up."""
        until_s = time.monotonic() + 60
        while True:
            assert time.monotonic() < until_s, "no good frame comes back"
            if self.publisher.ready(0.1):
                self.publisher.frame(GOOD, number=self.sent)
                self.sent += 1
            result = self.heard.results.receive(0.1)
            if result is not None and result.series == self.series:
                return


@contextmanager
def served(endpoints, log, *, kind, attach="connect", sets=(), series="good"):
    """A service that has heard of the series `hostile`, and since then of `series` if another."""
    sets = [*SMALL, f"ingest.socket={kind}", f"ingest.attach={attach}", *sets]
    other = "connect" if attach == "bind" else "bind"
    socket_kind = "push" if kind == "pull" else "pub"
    with serving(endpoints, sets=sets, log=log) as process, listening(endpoints) as heard:
        heard.join(socket_kind, attach=other)
        with FramePublisher(endpoints.frames, socket=socket_kind, attach=other) as publisher:
            assert publisher.wait_for_subscriber(ANSWER_S)
            if series != SERIES:
                publisher.start(SERIES)
            sender = Sender(publisher, heard, series)
            sender.good_frame()
            yield process, sender


@pytest.mark.parametrize(("transport", "kind"), [("tcp", "pull"), ("ipc", "sub")])
def test_good_frames_come_back_between_all_hostile_ones(tmp_path, log, transport, kind):
    endpoints = tcp_endpoints() if transport == "tcp" else ipc_endpoints(tmp_path)
    expected = Counter()
    with served(endpoints, log, kind=kind) as (process, sender):
        before = status_of(endpoints)["totals"]
        for case in CASES:
            sender.publisher.send(case.parts)
            # What is well formed belongs to a series that `good` has overtaken.
            expected[str(case.reason or DropReason.STALE)] += 1
            sender.good_frame()
            assert process.poll() is None, case.name
        status = status_of(endpoints)
    totals = status["totals"]
    assert status["state"] == "ready"
    assert Counter(totals["dropped"]) - Counter(before["dropped"]) == expected
    assert totals["received"] - before["received"] == 2 * len(CASES)
    assert totals["segmented"] - before["segmented"] == len(CASES)
    assert totals["in_flight"] == 0
    assert balances(totals)
    mine = status["series"]
    assert mine["series"] == "good"
    assert mine["accounting"]["received"] == mine["accounting"]["segmented"] == len(CASES) + 1
    assert mine["accounting"]["missing"] == 0


def test_hostile_frames_of_the_open_series_cost_that_series_nothing_else(tmp_path, log):
    endpoints = ipc_endpoints(tmp_path)
    broken = [case for case in CASES if case.reason is not None]
    with served(endpoints, log, kind="pull", series=SERIES) as (_, sender):
        for case in broken:
            sender.publisher.send(case.parts)
            sender.good_frame()
        status = status_of(endpoints)
    mine = status["series"]
    assert mine["series"] == SERIES
    assert mine["accounting"]["segmented"] == len(broken) + 1
    assert (mine["accounting"]["missing"], mine["accounting"]["duplicate"]) == (0, 0)
    assert "out_of_order" not in status["totals"]["dropped"]
    assert sum(mine["accounting"]["dropped"].values()) > len(broken) / 2
    assert balances(status["totals"])


def test_all_hostile_messages_in_one_flood_are_counted_one_by_one(tmp_path, log):
    endpoints = ipc_endpoints(tmp_path)
    with served(endpoints, log, kind="pull") as (_, sender):
        before = status_of(endpoints)["totals"]
        for _ in range(5):
            for case in CASES:
                sender.publisher.send(case.parts)
        sender.good_frame()
        totals = status_of(endpoints)["totals"]
    expected = Counter(str(case.reason or DropReason.STALE) for case in CASES)
    counted = Counter(totals["dropped"]) - Counter(before["dropped"])
    assert counted == Counter({reason: 5 * count for reason, count in expected.items()})
    assert balances(totals)


# The first bytes of ZMTP 3.1: signature, version, mechanism, whether server, filler.
SIGNATURE = b"\xff" + bytes(8) + b"\x7f"
GREETING = SIGNATURE + b"\x03\x01" + b"NULL".ljust(20, b"\0") + b"\0" + bytes(31)
READY = b"\x04\x26\x05READY\x0bSocket-Type\x00\x00\x00\x04PUSH\x08Identity\x00\x00\x00\x00"

GARBAGE = {
    "nothing": b"",
    "an HTTP request": b"GET / HTTP/1.1\r\nHost: microscope\r\nUser-Agent: scanner\r\n\r\n",
    "a TLS hello": bytes.fromhex("16030100c8010000c40303") + bytes(200),
    "random bytes": random.Random(0).randbytes(4096),
    "a single byte": b"\xff",
    "half a signature": SIGNATURE[:5],
    "half a greeting": GREETING[:40],
    "a greeting and no more": GREETING,
    "another mechanism": GREETING.replace(b"NULL\0", b"PLAIN"),
    "version 0 of ZeroMQ": b"\x01\x00",
    "a command that is none": GREETING + b"\x04\x05\x04OOPS",
    "a command of an exabyte": GREETING + b"\x06" + struct.pack(">Q", 2**60),
    "a handshake, then a message of an exabyte": GREETING + READY + b"\x02" + b"\x0f" + b"\xff" * 7,
    "a handshake, then a message cut short": GREETING + READY + b"\x00\x20abc",
    "a handshake, then an unknown flag": GREETING + READY + b"\xf0\x01a",
    "four megabytes of zeros": bytes(4 * 2**20),
}


def throw(endpoint, data):
    """Connect as a stranger does and send; the service may hang up at any moment."""
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    stranger = socket.create_connection((host, int(port)), timeout=ANSWER_S)
    try:
        stranger.sendall(data)
    except OSError:
        stranger.close()
    return stranger


@pytest.mark.parametrize("attach", ["bind", "connect"])
def test_strangers_at_every_port_disturb_nobody(log, attach):
    endpoints = tcp_endpoints()
    ports = [endpoints.results, endpoints.events, endpoints.control]
    ports += [endpoints.frames] if attach == "bind" else []
    strangers = []
    with served(endpoints, log, kind="pull", attach=attach) as (process, sender):
        try:
            for name, data in GARBAGE.items():
                # Some hang up, some stay on the line.
                strangers += [throw(port, data) for port in ports]
                throw(ports[len(strangers) % len(ports)], data).close()
                sender.good_frame()
                assert status_of(endpoints)["state"] == "ready", name
                assert process.poll() is None, name
            totals = status_of(endpoints)["totals"]
            assert balances(totals)
            # ZeroMQ takes some garbage for messages of its first protocol, which had no greeting.
            assert set(totals["dropped"]) <= ({"bad_topic"} if attach == "bind" else set())
            if attach == "bind":
                sender.heard.wait_for_event("error", code="handshake_failed")
        finally:
            for stranger in strangers:
                stranger.close()
        sender.good_frame()


@pytest.mark.parametrize(
    ("kind", "attach"), [("pull", "connect"), ("pull", "bind"), ("sub", "connect")]
)
def test_messages_too_large_cost_only_themselves(tmp_path, log, kind, attach):
    endpoints = tcp_endpoints()
    limit = 64 * 2**10
    sets = [f"limits.message_bytes={limit}"]
    with served(endpoints, log, kind=kind, attach=attach, sets=sets) as (process, sender):
        sender.publisher.send([b"scopeside.frame", bytes(limit)])
        sender.good_frame()
        assert status_of(endpoints)["totals"]["dropped"] == {"too_large": 1}
        # Far too large, ZeroMQ hangs up before it is read.
        sender.publisher.send([b"scopeside.frame", bytes(10 * limit)])
        if attach == "connect":
            sender.heard.wait_for_event("error", code="connection_cut")
        sender.good_frames_until_one_returns()
        totals = status_of(endpoints)["totals"]
        assert process.poll() is None
    # A service that binds is not told why a sender went away.
    assert totals["dropped"] == {"too_large": 2 if attach == "connect" else 1}
    assert balances(totals)
