"""The channel over real sockets: every command, and what strangers send."""

import time

import msgpack
import numpy as np
import pytest
import zmq

from scopeside.errors import EndpointError, ServiceError
from scopeside.settings import LimitSettings
from scopeside.twin.client import TwinClient
from scopeside.twin.clock import STEPPED_EPOCH_NS
from scopeside.wire.incoming import FrameMessage, StartMessage
from scopeside.wire.native import decode_message
from twins import SHAPE, alongside


def messages(twin):
    return [decode_message(parts, LimitSettings()) for parts in twin.arrived()]


def asked(address: str, message: bytes):
    """The answer to raw bytes, from a plain REQ client."""
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        socket.linger = 0
        socket.connect(address)
        socket.send(message)
        assert socket.poll(20_000), "no answer"
        return msgpack.unpackb(socket.recv())


def test_a_frame_is_one_of_the_wire_contract(twin):
    twin.client.move(20e-9, -5e-9)
    assert twin.client.acquire() == 0
    start, frame = messages(twin)

    assert isinstance(start, StartMessage)
    assert isinstance(frame, FrameMessage)
    assert (frame.series, frame.number) == ("s", 0)
    assert frame.channels[0].values.shape == SHAPE
    assert frame.stage == {"x_m": 20e-9, "y_m": -5e-9}
    (a, _, c), (_, e, f) = frame.pixel_to_stage
    middle = (a * 0.5 * (SHAPE[1] - 1) + c, e * 0.5 * (SHAPE[0] - 1) + f)
    np.testing.assert_allclose(middle, (20e-9, -5e-9), atol=1e-15)
    assert frame.pixel_size_m == (a, e)
    assert frame.dose_e_per_m2 > 0
    truth = twin.client.truth(0)
    # A truth is of the middle of an exposure of 0.2 s, the stamp of its end.
    assert frame.t_ns == STEPPED_EPOCH_NS + round(1e9 * (truth.clock_s + 0.1))


def test_the_same_commands_give_the_same_bytes(tmp_path):
    runs = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        with alongside(tmp_path / name, seed=9) as twin:
            twin.client.acquire(2)
            twin.client.move(12e-9, 3e-9)
            twin.client.blank("exposing")
            twin.client.fov(30e-9)
            twin.client.acquire(dwell_s=0.05)
            twin.client.reset(seed=4, specimen="film", series="next")
            twin.client.acquire()
            runs.append(twin.arrived())

    # All but the wall clock of the starts and ends, which are told when they happen.
    frames = [[parts for parts in run if parts[0] == b"scopeside.frame"] for run in runs]
    assert len(frames[0]) == 4
    assert frames[0] == frames[1]


def test_a_reset_begins_again_with_a_new_series(twin):
    twin.client.acquire(3)
    state = twin.client.reset(seed=5)
    twin.client.acquire()
    (frame,) = [one for one in messages(twin)[-1:] if isinstance(one, FrameMessage)]

    assert state["seed"] == 5
    assert (state["clock_s"], state["electrons"], state["frames"]) == (0.0, 0.0, 0)
    assert (frame.series, frame.number) == ("s-1", 0)


def test_state_says_what_the_twin_is(twin):
    twin.client.acquire(2, dwell_s=0.1)
    state = twin.client.state()

    assert state["frames"] == 2
    assert state["specimen"] == "mosaic"
    assert state["shape"] == list(SHAPE)
    assert state["electrons_on_film"] == pytest.approx(state["electrons"])
    assert (state["speed"], state["acquiring"]) == (None, False)


def test_the_truth_of_a_frame_is_kept_for_so_many(tmp_path):
    with alongside(tmp_path, keep=2) as twin:
        twin.client.acquire(3)
        truth = twin.client.truth(2)
        with pytest.raises(ServiceError, match="no truth of frame 0: the twin keeps the last 2"):
            twin.client.truth(0)

    assert truth.kind_YX.shape == SHAPE
    assert sum(truth.fractions.values()) == pytest.approx(1.0)
    assert set(truth.fractions) <= set(truth.kinds.values())


def test_the_truth_of_the_specimen_is_a_map(twin):
    whole = twin.client.truth(width_m=400e-9, pixels=64)
    shares = twin.client.truth(labels=False)

    assert whole.kind_YX.shape == (64, 64)
    assert set(whole.fractions) == set(whole.kinds.values())
    assert shares.kind_YX is None
    assert whole.raw["front_m"] is None


def test_the_loops_own_time_is_charged_to_a_stepped_clock(twin):
    with TwinClient(twin.address, latency_s=0.5) as client:
        before = client.standing()
        after = client.blank("shut")
        measured = after.clock_s - before.clock_s
        dark = client.blank("open")

    assert measured == pytest.approx(0.5)
    assert client.charged_s == pytest.approx(1.5)
    # An open beam burns while the loop thinks, a shut one does not.
    assert after.electrons - before.electrons == pytest.approx(0.5 * 25e-12 / 1.602176634e-19)
    assert dark.electrons == after.electrons


def test_measured_latency_is_charged_when_none_is_given(twin):
    with TwinClient(twin.address) as client:
        client.standing()
        standing = client.standing()

    assert standing.clock_s == pytest.approx(client.charged_s)
    assert client.charged_s > 0


def test_a_stepped_twin_does_not_acquire_without_end(twin):
    with pytest.raises(ServiceError, match=r"The twin refused.*start it with --speed"):
        twin.client.acquire(0)


def test_a_twin_with_a_clock_of_its_own_goes_on_until_told(tmp_path):
    with alongside(tmp_path, speed=20.0) as twin:
        twin.client.acquire(0, dwell_s=0.1)
        while twin.client.state()["frames"] < 3:
            pass
        last = twin.client.acquire(1)
        state = twin.client.state()

    assert last >= 3
    assert not state["acquiring"]
    assert state["frames"] == last + 1
    assert state["clock_s"] >= 0.12 * 3


def test_a_clock_of_its_own_stands_until_the_first_command(tmp_path):
    with alongside(tmp_path, speed=1000.0) as twin:
        time.sleep(0.02)  # twenty seconds of its own
        begun_s = twin.client.state()["clock_s"]
        time.sleep(0.002)
        later_s = twin.client.state()["clock_s"]
    assert begun_s < 1.0
    assert later_s - begun_s >= 2.0


def test_frames_that_nobody_takes_are_an_error_that_says_so(tmp_path):
    with (
        alongside(tmp_path, listen=False, wait_s=0.1) as twin,
        pytest.raises(ServiceError, match=r"Nobody took a frame .*`scopeside serve`"),
    ):
        twin.client.acquire()


GOOD = {"v": 1, "id": 7, "cmd": "move", "x_m": 0.0, "y_m": 0.0}


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (b"", "bad_request"),
        (b"\xc1\xff garbage", "bad_request"),
        (msgpack.packb([1, 2]), "bad_request"),
        (msgpack.packb(GOOD | {"v": 2}), "bad_version"),
        (msgpack.packb(GOOD | {"cmd": "explode"}), "unknown_command"),
        (msgpack.packb(GOOD | {"x_m": float("nan")}), "bad_request"),
        (msgpack.packb(GOOD | {"x_m": 1e9}), "bad_request"),
        (msgpack.packb(GOOD | {"x_m": "0"}), "bad_request"),
        (msgpack.packb(GOOD | {"more": 1}), "bad_request"),
        (msgpack.packb(GOOD | {"waited_s": -1.0}), "bad_request"),
        (msgpack.packb({"v": 1, "cmd": "acquire", "frames": 10**9}), "bad_request"),
        (msgpack.packb({"v": 1, "cmd": "truth", "frame": 10**6}), "no_truth"),
        (msgpack.packb({"v": 1, "cmd": "reset", "specimen": "moon"}), "bad_request"),
        (bytes(70_000), "bad_request"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_cannot_be_understood_is_answered_and_counted(twin, request_, code):
    reply = asked(twin.address, request_)

    assert (reply["ok"], reply["error"]["code"]) == (False, code)
    assert twin.client.state()["refused"] == 1


def test_messages_without_an_envelope_or_too_large_leave_the_twin_alive(twin):
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        socket.connect(twin.address)
        socket.send(bytes(2**20))
        socket.send_multipart([b"", b"", b"", b"nonsense"])

    assert twin.client.state()["frames"] == 0


def test_a_twin_that_is_not_there_is_named(tmp_path):
    with (
        TwinClient(f"ipc://{tmp_path}/nobody", timeout_s=0.05) as client,
        pytest.raises(EndpointError, match="is `scopeside twin` running"),
    ):
        client.state()


def test_a_taken_endpoint_is_an_error(twin):
    from scopeside.twin.server import TwinServer

    with zmq.Context() as context, context.socket(zmq.ROUTER) as holder:
        port = holder.bind_to_random_port("tcp://127.0.0.1")
        with pytest.raises(EndpointError, match="cannot be bound"):
            TwinServer(f"tcp://127.0.0.1:{port}", context, deeds=None, stopped=lambda: False)


def test_asking_for_the_truth_costs_the_loop_nothing_and_hides_nothing(twin):
    with TwinClient(twin.address) as client:
        client.acquire()
        began_s = time.monotonic()
        time.sleep(0.05)
        thought_s = time.monotonic() - began_s
        client.truth(0)
        before = client.charged_s
        client.standing()

    assert client.charged_s - before >= thought_s
