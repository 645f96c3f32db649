import threading
import time

import msgpack
import numpy as np
import pytest
import zmq

from fake_service import ok, served
from live import ANSWER_S, ipc_endpoints
from receiving import receiver
from scopeside.client import Client
from scopeside.client.clock_keeper import ClockKeeper
from scopeside.client.clocked import ClockedPublisher
from scopeside.errors import EndpointError

AHEAD_NS = 3_600_000_000_000
IMAGE = np.zeros((4, 4), "<u2")


class ClockOf:
    """Answers the command `clock` by a clock that is so far ahead."""

    def __init__(self, ahead_ns=AHEAD_NS):
        self.ahead_ns = ahead_ns

    def __call__(self, request):
        now_ns = time.time_ns() + self.ahead_ns
        return ok(request, t0_ns=request.get("t0_ns"), t1_ns=now_ns, t2_ns=now_ns)


@pytest.fixture
def at(tmp_path):
    return ipc_endpoints(tmp_path)


def next_frame(pull):
    while True:
        assert pull.poll(1000 * ANSWER_S)
        topic, header, *_ = pull.recv_multipart()
        if topic == b"scopeside.frame":
            return msgpack.unpackb(header)


def test_frames_carry_the_offset_and_its_uncertainty(at):
    with (
        served(at, answer=ClockOf()),
        Client(results=at.results, events=at.events, control=at.control) as client,
        receiver(zmq.PULL, at.frames) as pull,
    ):
        publisher = client.publisher(at.frames, socket="push")
        assert publisher.clock.wait(ANSWER_S)
        publisher.start("s")
        publisher.frame(IMAGE)
        clock = next_frame(pull)["clock"]
        assert abs(clock["offset_ns"] - AHEAD_NS) <= clock["uncertainty_ns"]
        publisher.frame(IMAGE, clock_offset_ns=7, clock_uncertainty_ns=3)
        assert next_frame(pull)["clock"] == {"offset_ns": 7, "uncertainty_ns": 3}


def test_sending_does_not_wait_for_a_clock_that_does_not_answer(at):
    with (
        served(at, answer=lambda request: None),
        receiver(zmq.PULL, at.frames) as pull,
        ClockedPublisher(at.frames, control=at.control, socket="push") as publisher,
    ):
        publisher.start("s")
        publisher.frame(IMAGE)
        assert "clock" not in next_frame(pull)
        assert publisher.clock.offset() is None
        assert not publisher.clock.wait(0.0)


def test_the_offset_is_estimated_again_in_the_background(at):
    clock = ClockOf()
    with served(at, answer=clock):
        keeper = ClockKeeper(at.control, every_s=0.01)
        assert keeper.wait(ANSWER_S)
        clock.ahead_ns = -AHEAD_NS
        until_s = time.monotonic() + ANSWER_S
        while keeper.offset().offset_ns > 0:
            assert time.monotonic() < until_s
            time.sleep(0.005)
        keeper.close()
        assert abs(keeper.offset().offset_ns + AHEAD_NS) <= keeper.offset().uncertainty_ns


def test_a_service_that_goes_leaves_the_last_estimate_growing_less_certain(at):
    with served(at, answer=ClockOf()):
        keeper = ClockKeeper(at.control, every_s=0.01)
        assert keeper.wait(ANSWER_S)
    until_s = time.monotonic() + ANSWER_S
    while keeper.problem is None:
        assert time.monotonic() < until_s
        time.sleep(0.005)
    before = keeper.offset()
    time.sleep(0.01)
    after = keeper.offset()
    keeper.close()
    assert "No reply" in keeper.problem
    assert after.uncertainty_ns > before.uncertainty_ns
    assert abs(after.offset_ns - AHEAD_NS) <= after.uncertainty_ns


def test_a_wall_clock_that_is_set_moves_the_offset(at, monkeypatch):
    with served(at, answer=ClockOf()):
        keeper = ClockKeeper(at.control, every_s=1000)
        assert keeper.wait(ANSWER_S)
        keeper.close()
    wall_ns = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: wall_ns() + 5_000_000_000)
    moved = keeper.offset()
    monkeypatch.undo()
    assert abs(moved.offset_ns - (AHEAD_NS - 5_000_000_000)) < 1_000_000_000


def test_an_impossible_endpoint_leaves_no_thread_behind(at):
    before = threading.active_count()
    for frames, control in (("nonsense", at.control), (at.frames, "nonsense")):
        with pytest.raises(EndpointError, match="nonsense"):
            ClockedPublisher(frames, control=control)
    assert threading.active_count() == before
