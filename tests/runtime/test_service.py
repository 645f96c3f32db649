"""The whole service in this process: real sockets, no encoder."""

import gc
import re
import socket
import threading
import time

import msgpack
import numpy as np
import psutil
import pytest
import zmq

from live import ANSWER_S, SMALL, ipc_endpoints, plain_requester, running, two_phases
from scopeside.configuration import load_settings
from scopeside.errors import DeviceLostError, EndpointError, ServiceError
from scopeside.runtime import service as service_module
from scopeside.runtime.service import Service
from scopeside.stages import intake
from scopeside.stages.embed.null import NullEmbedder
from scopeside.testing.fakes import FaultyEmbedder, GatedEmbedder
from scopeside.wire.native import decode_message

LOSSLESS = ["ingest.socket=pull"]
WARM_UP_FRAMES = 2


@pytest.fixture
def endpoints(tmp_path):
    return ipc_endpoints(tmp_path)


def collect(service, count):
    results = [service.results.receive(ANSWER_S) for _ in range(count)]
    assert None not in results
    return results


def wait_for_event(service, kind, **fields):
    until_s = time.monotonic() + ANSWER_S
    while time.monotonic() < until_s:
        event = service.events.receive(ANSWER_S)
        if event and event["kind"] == kind and fields.items() <= event.items():
            return event
    raise AssertionError(f"no {kind} event with {fields}")


def push(service, images, *, series="s", end=True):
    with service.publisher(socket="push") as publisher:
        publisher.start(series)
        for number, image in enumerate(images):
            publisher.frame(image, number=number)
        if end:
            publisher.end()


def test_every_frame_of_a_lossless_series_comes_back_in_order(endpoints):
    images = [two_phases(split=16 + 2 * n, seed=n) for n in range(12)]
    with running(endpoints, sets=LOSSLESS) as service:
        push(service, images)
        results = collect(service, 12)
        assert [result.frame for result in results] == list(range(12))
        last = results[-1]
        assert last.labels_YX.shape == (96, 64)
        assert last.labels_YX.min() >= 1
        assert last.accounting.balances
        ended = wait_for_event(service, "series", event="ended")
    books = ended["accounting"]
    assert (books["received"], books["segmented"], books["missing"]) == (12, 12, 0)
    assert service.exit_codes == [0]


def test_the_same_frames_give_the_same_bits_whatever_the_timing(tmp_path):
    images = [two_phases(split=16 + 3 * n, seed=n) for n in range(10)]
    seen = []
    for run, pause_s in enumerate((0.0, 0.02)):
        folder = tmp_path / str(run)
        folder.mkdir()
        with running(ipc_endpoints(folder), sets=LOSSLESS) as service:
            with service.publisher(socket="push") as publisher:
                publisher.start("s")
                for number, image in enumerate(images):
                    publisher.frame(image, number=number)
                    time.sleep(pause_s)
            seen.append(collect(service, 10))
    for one, other in zip(*seen, strict=True):
        assert one.labels_YX.tobytes() == other.labels_YX.tobytes()
        assert one.confidence_YX.tobytes() == other.confidence_YX.tobytes()
        assert one.raw["communities"] == other.raw["communities"]
        assert one.raw["graph"] == other.raw["graph"]


def test_a_newer_frame_replaces_one_that_waits_and_is_counted(endpoints):
    embedder = GatedEmbedder(NullEmbedder())
    with running(endpoints, embedder=embedder) as service:
        embedder.gate.clear()
        embedder.entered.clear()
        with service.publisher() as publisher:
            publisher.wait_for_subscriber(ANSWER_S)
            publisher.start("s")
            publisher.frame(two_phases(), number=0)
            assert embedder.entered.wait(ANSWER_S)
            for number in range(1, 6):
                publisher.frame(two_phases(), number=number)
            while service.status()["totals"]["received"] < 6:
                time.sleep(0.01)
            embedder.gate.set()
            results = collect(service, 2)
        assert [result.frame for result in results] == [0, 5]
        assert results[-1].accounting.dropped == {"overload": 4}
        assert results[-1].accounting.balances
        assert wait_for_event(service, "drop", reason="overload")["series"] == "s"


def test_a_frame_past_its_deadline_is_dropped_before_compute(endpoints):
    embedder = GatedEmbedder(NullEmbedder())
    sets = ["ingest.policy=deadline", "ingest.deadline_s=0.3"]
    with running(endpoints, sets=sets, embedder=embedder) as service:
        embedder.gate.clear()
        embedder.entered.clear()
        with service.publisher() as publisher:
            publisher.wait_for_subscriber(ANSWER_S)
            publisher.start("s")
            publisher.frame(two_phases(), number=0)
            assert embedder.entered.wait(ANSWER_S)
            publisher.frame(two_phases(), number=1)
            while service.status()["totals"]["received"] < 2:
                time.sleep(0.01)
            time.sleep(0.4)
            embedder.gate.set()
            wait_for_event(service, "drop", reason="deadline")
            # Counted when it is published, which another thread may do a little later.
            assert [result.frame for result in collect(service, 1)] == [0]
        totals = service.status()["totals"]
    assert totals["segmented"] == 1
    assert totals["dropped"] == {"deadline": 1}


def test_a_frame_that_breaks_the_computation_costs_itself_alone(endpoints):
    embedder = FaultyEmbedder(NullEmbedder(), fail_on={WARM_UP_FRAMES + 1})
    with running(endpoints, sets=LOSSLESS, embedder=embedder) as service:
        push(service, [two_phases(seed=n) for n in range(3)])
        results = collect(service, 2)
        event = wait_for_event(service, "drop", reason="compute")
    assert [result.frame for result in results] == [0, 2]
    assert results[-1].accounting.dropped == {"compute": 1}
    assert "was to fail" in event["message"]


def test_a_subscriber_slower_than_the_stream_slows_nobody(endpoints):
    slow = zmq.Context.instance().socket(zmq.SUB)
    slow.rcvhwm = 1
    slow.subscribe(b"")
    slow.connect(endpoints.results)
    try:
        with running(endpoints, sets=[*LOSSLESS, "publish.hwm_messages=2"]) as service:
            push(service, [two_phases(seed=n % 3) for n in range(60)])
            ended = wait_for_event(service, "series", event="ended")
        assert ended["accounting"]["segmented"] == 60
    finally:
        slow.close(linger=0)


def test_a_new_frame_shape_plans_once_and_says_so(endpoints):
    with running(endpoints, sets=LOSSLESS) as service:
        before = service.status()["replans"]
        push(service, [two_phases((64, 128)), two_phases((64, 128)), two_phases()])
        results = collect(service, 3)
        assert service.status()["replans"] == before + 1
    assert [result.raw["replanned"] for result in results] == [True, False, False]
    assert [result.labels_YX.shape for result in results] == [(64, 128), (64, 128), (96, 64)]


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((1, 1), "|u1"),
        np.full((50, 70), 7, "<u2"),
        np.full((40, 40), np.nan, "<f4"),
        np.full((33, 65), 65535, "<u2"),
        two_phases((97, 65)).astype(">u2"),
        two_phases((31, 200)).astype(">f4"),
    ],
    ids=["one pixel", "constant", "all NaN", "saturated", "big-endian", "thinner than a chip"],
)
def test_odd_frames_are_labelled_in_every_pixel(endpoints, image):
    with running(endpoints, sets=LOSSLESS) as service:
        push(service, [image])
        (result,) = collect(service, 1)
    assert result.labels_YX.shape == image.shape
    assert result.labels_YX.min() >= 1
    if len(np.unique(image)) == 1:
        assert len(result.communities) == 1
        assert result.raw["quality"]["flat"]


def test_a_blank_frame_is_one_community_in_shared_mode_too(endpoints):
    # Of the seeded encoder's border Louvain makes two communities, so only the rule can make one.
    shared = ["embed.weights=seeded", "embed.mode=shared"]
    sets = [*LOSSLESS, "embed.backend=torch", "embed.precision=fp32", *shared]
    with running(endpoints, sets=sets) as service:
        push(service, [np.full((96, 64), 7, "<u2")])
        (result,) = collect(service, 1)
    assert [one.fraction for one in result.communities] == [1.0]


def test_pause_holds_a_lossless_sender_and_resume_loses_nothing(endpoints):
    with running(endpoints, sets=LOSSLESS) as service:
        assert service.control.call("pause")["state"] == "paused"
        push(service, [two_phases(seed=n) for n in range(3)])
        assert service.results.receive(0.3) is None
        assert service.control.call("resume")["state"] == "ready"
        assert [result.frame for result in collect(service, 3)] == [0, 1, 2]


def test_a_frame_that_comes_right_after_the_pause_waits(endpoints):
    with running(endpoints, sets=LOSSLESS) as service, service.publisher(socket="push") as sender:
        sender.start("s")
        sender.frame(two_phases())
        collect(service, 1)
        service.control.call("pause")
        sender.frame(two_phases(seed=1))
        assert service.results.receive(0.3) is None
        assert service.status()["totals"]["received"] == 1
        service.control.call("resume")
        assert [result.frame for result in collect(service, 1)] == [1]


def test_live_settings_change_and_others_are_refused_by_name(endpoints):
    with running(endpoints, sets=LOSSLESS) as service:
        before = service.control.call("config")
        service.control.call("set", values={"graph.resolution": 0.4})
        push(service, [two_phases()])
        (result,) = collect(service, 1)
        assert result.graph["resolution"] == 0.4
        assert result.provenance["config"] != before["hash"]
        for values, word in [
            ({"chips.size_px": 48}, "chips.size_px"),
            ({"graph.resolutoin": 1}, "graph.resolution"),
            ({"graph.resolution": -1.0}, "graph.resolution"),
        ]:
            with pytest.raises(ServiceError, match=word):
                service.control.call("set", values=values)
        assert service.control.call("config")["config"]["graph"]["resolution"] == 0.4


def test_reset_forgets_names(endpoints):
    with (
        running(endpoints, sets=LOSSLESS) as service,
        service.publisher(socket="push") as publisher,
    ):
        publisher.start("s")
        publisher.frame(two_phases(), number=0)
        (first,) = collect(service, 1)
        id_ = first.communities[0].id
        service.control.call("name", community=id_, name="amorphous")
        with pytest.raises(ServiceError, match="Community 999 is not known"):
            service.control.call("name", community=999, name="nobody")
        publisher.frame(two_phases(seed=1), number=1)
        (named,) = collect(service, 1)
        service.control.call("reset")
        publisher.frame(two_phases(seed=2), number=2)
        (forgotten,) = collect(service, 1)
    assert "amorphous" in [one.name for one in named.communities]
    assert {one.name for one in forgotten.communities} == {None}


def test_the_clock_command_brackets_the_service_time(endpoints):
    with running(endpoints), plain_requester(endpoints.control) as ask:
        t0_ns = time.time_ns()
        reply = ask({"v": 1, "id": "x", "cmd": "clock", "t0_ns": t0_ns})
        t3_ns = time.time_ns()
    assert reply["ok"]
    assert reply["t0_ns"] == t0_ns
    assert t0_ns <= reply["t1_ns"] <= reply["t2_ns"] <= t3_ns


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (b"", "bad_request"),
        (b"\xc1", "bad_request"),
        (msgpack.packb([1, 2]), "bad_request"),
        (msgpack.packb({"v": 2, "id": 1, "cmd": "ping"}), "bad_version"),
        (msgpack.packb({"v": 1, "id": 1, "cmd": "explode"}), "unknown_command"),
        (msgpack.packb({"v": 1, "id": 1, "cmd": "clock"}), "bad_request"),
        (msgpack.packb({"v": 1, "id": 1, "cmd": "set", "values": {"nope": 1}}), "bad_value"),
        (msgpack.packb({"v": 1, "id": 1, "cmd": "reference"}), "bad_value"),
        (msgpack.packb({"v": 1, "id": 1, "cmd": "targets", "community": 1}), "bad_state"),
    ],
)
def test_a_bad_request_is_answered_and_the_next_one_too(endpoints, request_, code):
    context = zmq.Context()
    requester = context.socket(zmq.REQ)
    requester.linger = 0
    with running(endpoints):
        requester.connect(endpoints.control)
        requester.send(request_)
        reply = msgpack.unpackb(requester.recv())
        assert not reply["ok"]
        assert reply["error"]["code"] == code
        requester.send(msgpack.packb({"v": 1, "id": 7, "cmd": "ping"}))
        assert msgpack.unpackb(requester.recv()) == {"v": 1, "id": 7, "ok": True}
    requester.close()
    context.term()


def test_heartbeats_come_with_state_and_totals(endpoints):
    with running(endpoints) as service:
        beat = wait_for_event(service, "heartbeat", state="ready")
    assert beat["totals"]["received"] == 0
    assert beat["uptime_s"] > 0


def test_drain_finishes_what_was_received(endpoints):
    embedder = GatedEmbedder(NullEmbedder())
    with running(endpoints, sets=LOSSLESS, embedder=embedder) as service:
        embedder.gate.clear()
        push(service, [two_phases(seed=n) for n in range(4)], end=False)
        while service.status()["totals"]["received"] < 4:
            time.sleep(0.01)
        assert service.control.call("drain")["state"] == "draining"
        embedder.gate.set()
        assert [result.frame for result in collect(service, 4)] == [0, 1, 2, 3]
        ended = wait_for_event(service, "series", event="ended")
    assert ended["accounting"]["segmented"] == 4
    assert ended["accounting"]["in_flight"] == 0
    assert service.exit_codes == [0]


def test_a_frame_that_never_ends_cannot_hold_up_the_stop(endpoints):
    embedder = GatedEmbedder(NullEmbedder())
    sets = [*LOSSLESS, "service.drain_s=0.1"]
    with running(endpoints, sets=sets, embedder=embedder) as service:
        embedder.gate.clear()
        embedder.entered.clear()
        push(service, [two_phases(seed=n) for n in range(3)], end=False)
        assert embedder.entered.wait(ANSWER_S)
        while service.status()["totals"]["received"] < 3:
            time.sleep(0.01)
        service.stop()
        embedder.gate.set()
        ended = wait_for_event(service, "series", event="ended")
    books = ended["accounting"]
    assert (books["received"], books["segmented"], books["in_flight"]) == (3, 0, 0)
    assert books["dropped"] == {"deadline": 3}


def test_a_message_that_is_still_being_decoded_at_the_stop_is_counted(endpoints, monkeypatch):
    entered, gate = threading.Event(), threading.Event()

    def decoded(parts, limits):
        message = decode_message(parts, limits)
        if getattr(message, "number", None) == 1:
            entered.set()
            assert gate.wait(ANSWER_S)
        return message

    monkeypatch.setattr(intake, "decode_message", decoded)
    monkeypatch.setattr(service_module, "GRACE_S", 0.5)
    with running(endpoints, sets=LOSSLESS) as service:
        push(service, [two_phases(), two_phases()], end=False)
        collect(service, 1)
        assert entered.wait(ANSWER_S)
        service.stop()
        gate.set()
        totals = wait_for_event(service, "heartbeat", state="stopped")["totals"]
    assert (totals["received"], totals["segmented"], totals["in_flight"]) == (2, 1, 0)
    assert totals["dropped"] == {"deadline": 1}
    assert service.service.left_behind
    assert service.exit_codes == [0]


def test_a_service_that_warms_beats_answers_and_can_be_stopped(endpoints):
    embedder = GatedEmbedder(NullEmbedder())
    embedder.gate.clear()
    with running(endpoints, embedder=embedder, ready=False) as service:
        try:
            beats = [wait_for_event(service, "heartbeat", state="warming") for _ in range(2)]
            with pytest.raises(ServiceError, match="is warming"):
                service.control.call("resume")
            service.stop()
        finally:
            embedder.gate.set()
    assert beats[1]["uptime_s"] > beats[0]["uptime_s"] + 0.5
    assert service.exit_codes == [0]
    assert service.service.left_behind


def test_a_service_that_drains_beats_to_the_end(endpoints):
    embedder = GatedEmbedder(NullEmbedder())
    with running(endpoints, sets=LOSSLESS, embedder=embedder) as service:
        embedder.gate.clear()
        embedder.entered.clear()
        push(service, [two_phases()])
        assert embedder.entered.wait(ANSWER_S)
        service.control.call("drain")
        uptimes = [
            wait_for_event(service, "heartbeat", state="draining")["uptime_s"] for _ in range(2)
        ]
        embedder.gate.set()
        assert wait_for_event(service, "heartbeat", state="stopped")["uptime_s"] > uptimes[1]
    assert uptimes[1] > uptimes[0]
    assert not service.service.left_behind


def test_a_thread_that_dies_takes_the_service_with_it(endpoints):
    class Deadly(NullEmbedder):
        armed = False

        def embed(self, prepared, grid):
            if self.armed:
                raise SystemExit("no exception of a frame")
            return super().embed(prepared, grid)

    embedder = Deadly()
    with running(endpoints, sets=LOSSLESS, embedder=embedder) as service:
        embedder.armed = True
        push(service, [two_phases()])
        wait_for_event(service, "heartbeat", state="stopped")
    assert service.exit_codes == []
    (error,) = service.errors
    assert isinstance(error, ServiceError)
    assert "a thread failed: SystemExit" in str(error)


def test_a_lost_device_ends_the_service_with_its_own_error_and_the_frame_counted(
    endpoints, monkeypatch
):
    def lost(_pipeline):
        raise DeviceLostError("cuda:0 takes no more work from this process.")

    monkeypatch.setattr("scopeside.pipeline.Pipeline.recover", lost)
    # Two frames warm up.
    embedder = FaultyEmbedder(NullEmbedder(), fail_on=[2])
    with running(endpoints, sets=LOSSLESS, embedder=embedder) as service:
        push(service, [two_phases()])
        totals = wait_for_event(service, "heartbeat", state="stopped")["totals"]
    (error,) = service.errors
    assert isinstance(error, DeviceLostError)
    assert totals["dropped"] == {"compute": 1}
    assert totals["in_flight"] == 0


def test_a_publishing_thread_that_dies_holds_up_neither_the_end_nor_the_books(
    endpoints, monkeypatch
):
    def broken(*_args, **_more):
        raise RuntimeError("no message")

    monkeypatch.setattr("scopeside.stages.publish.encode_segmentation", broken)
    with running(endpoints, sets=LOSSLESS) as service:
        push(service, [two_phases(seed=n) for n in range(12)])
        totals = wait_for_event(service, "heartbeat", state="stopped")["totals"]
    (error,) = service.errors
    assert "a thread failed: RuntimeError: no message" in str(error)
    assert totals["in_flight"] == 0
    assert not service.service.left_behind


@pytest.mark.parametrize("taken", ["tcp://127.0.0.1:*", "ipc://{folder}/taken"])
def test_a_frame_endpoint_in_use_is_told_before_the_service_warms_up(tmp_path, taken):
    context = zmq.Context()
    holder = context.socket(zmq.PULL)
    holder.bind(taken.format(folder=tmp_path))
    address = holder.last_endpoint.rstrip(b"\0").decode()
    sets = [*SMALL, *ipc_endpoints(tmp_path).sets(), "ingest.attach=bind"]
    try:
        with pytest.raises(EndpointError, match=r"ingest\.endpoint = .* cannot be bound"):
            Service(load_settings(sets=[*sets, f"ingest.endpoint={address}"]))
    finally:
        holder.close()
        context.term()


@pytest.mark.parametrize("setting", ["publish.results", "publish.events", "control.endpoint"])
@pytest.mark.parametrize("taken", ["tcp://127.0.0.1:*", "ipc://{folder}/taken"])
def test_an_endpoint_in_use_is_one_sentence_that_names_the_setting(tmp_path, setting, taken):
    context = zmq.Context()
    holder = context.socket(zmq.PUB)
    holder.bind(taken.format(folder=tmp_path))
    address = holder.last_endpoint.rstrip(b"\0").decode()
    try:
        sets = [*SMALL, *ipc_endpoints(tmp_path).sets(), f"{setting}={address}"]
        with pytest.raises(EndpointError, match=f"{setting} = {re.escape(address)} cannot be bou"):
            Service(load_settings(sets=sets))
    finally:
        holder.close()
        context.term()


def test_what_was_bound_is_given_back_where_a_later_part_cannot_be(tmp_path):
    context = zmq.Context()
    holder = context.socket(zmq.PUB)
    port = holder.bind_to_random_port("tcp://127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as free:
        page = free.getsockname()
    sets = [*SMALL, *ipc_endpoints(tmp_path).sets(), f"http.endpoint=http://127.0.0.1:{page[1]}"]
    try:
        with pytest.raises(EndpointError) as kept:
            Service(load_settings(sets=[*sets, f"control.endpoint=tcp://127.0.0.1:{port}"]))
        with socket.socket() as again:
            again.bind(page)
        assert "control.endpoint" in str(kept.value)  # which holds all that was made before it
    finally:
        holder.close()
        context.term()


def test_twenty_services_one_after_another_leave_nothing_behind(tmp_path):
    process = psutil.Process()
    with running(ipc_endpoints(tmp_path), sets=LOSSLESS) as service:
        push(service, [two_phases()])
        collect(service, 1)
    gc.collect()
    threads, files = set(threading.enumerate()), process.num_fds()
    for _ in range(20):
        with running(ipc_endpoints(tmp_path), sets=LOSSLESS) as service:
            push(service, [two_phases()])
            collect(service, 1)
    gc.collect()
    assert set(threading.enumerate()) <= threads
    assert process.num_fds() <= files + 2
    # The publisher of frames bound "f", and ZeroMQ leaves such files behind.
    assert {path.name for path in tmp_path.iterdir()} <= {"f"}
