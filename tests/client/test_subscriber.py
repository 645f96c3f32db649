import time

import pytest
import zmq

from contract_messages import heartbeat, packed, result
from scopeside.client.connection import reachable
from scopeside.client.subscriber import EventSubscriber, ResultSubscriber
from scopeside.errors import EndpointError


@pytest.fixture
def service(tmp_path):
    """A publisher that counts its subscribers, so that nothing is sent too early."""
    context = zmq.Context()
    socket = context.socket(zmq.XPUB)
    socket.setsockopt(zmq.LINGER, 0)
    socket.bind(f"ipc://{tmp_path}/results")
    yield socket
    socket.close()
    context.term()


def joined(service):
    assert service.poll(10_000), "no subscriber joined"
    assert service.recv() == b"\x01"


def endpoint(service):
    return service.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()


def test_every_result_arrives_in_order(service):
    with ResultSubscriber(endpoint(service)) as subscriber:
        joined(service)
        for frame in range(20):
            service.send(packed(result(frame)))
        frames = [subscriber.receive(10.0).frame for _ in range(20)]
    assert frames == list(range(20))


def test_what_is_no_result_is_counted_and_skipped(service):
    with ResultSubscriber(endpoint(service)) as subscriber:
        joined(service)
        service.send(b"garbage")
        service.send_multipart([b"two", b"parts"])
        service.send(packed(heartbeat()))
        service.send(packed(result(5)))
        assert subscriber.receive(10.0).frame == 5
        assert subscriber.malformed == 3
        assert subscriber.last_problem


def test_latest_only_delivers_the_newest(service):
    with ResultSubscriber(endpoint(service), latest_only=True) as subscriber:
        joined(service)
        for frame in range(50):
            service.send(packed(result(frame)))
        # Until the last one has replaced the others, newer and newer ones come.
        frames = []
        while not frames or frames[-1] != 49:
            frames.append(subscriber.receive(10.0).frame)
        assert frames == sorted(set(frames))
        assert subscriber.receive(0.0) is None


def test_silence_is_none_and_ends_the_iteration(service):
    with ResultSubscriber(endpoint(service)) as subscriber:
        joined(service)
        assert subscriber.receive(0.0) is None
        service.send(packed(result(1)))
        service.send(packed(result(2)))
        assert [item.frame for item in subscriber.items(timeout_s=1.0)] == [1, 2]


def test_iteration_goes_on_until_the_loop_leaves_it(service):
    with ResultSubscriber(endpoint(service)) as subscriber:
        joined(service)
        for frame in range(3):
            service.send(packed(result(frame)))
        seen = []
        for item in subscriber:
            seen.append(item.frame)
            if len(seen) == 3:
                break
    assert seen == [0, 1, 2]


def test_events_are_maps_with_a_kind(service):
    with EventSubscriber(endpoint(service)) as subscriber:
        joined(service)
        service.send(packed([1]))
        service.send(packed({"v": 1, "no": "kind"}))
        service.send(packed(heartbeat("ready")))
        event = subscriber.receive(10.0)
        assert (event["kind"], event["state"]) == ("heartbeat", "ready")
        assert subscriber.malformed == 2


def test_a_service_that_comes_later_is_found(tmp_path):
    address = f"ipc://{tmp_path}/late"
    context = zmq.Context()
    with ResultSubscriber(address) as subscriber:
        assert subscriber.receive(0.01) is None
        service = context.socket(zmq.XPUB)
        service.bind(address)
        joined(service)
        service.send(packed(result(3)))
        assert subscriber.receive(10.0).frame == 3
    service.close(linger=0)
    context.term()


@pytest.mark.parametrize("wrong", ["nonsense", "tcp://", "tcp://127.0.0.1:notaport", "udp:x"])
def test_an_impossible_endpoint_is_named(wrong):
    with pytest.raises(EndpointError, match=wrong):
        ResultSubscriber(wrong)


def test_closing_twice_is_harmless(service):
    subscriber = ResultSubscriber(endpoint(service))
    subscriber.close()
    subscriber.close()


@pytest.mark.parametrize(
    ("bound", "connected"),
    [
        ("tcp://*:5556", "tcp://127.0.0.1:5556"),
        ("tcp://0.0.0.0:1", "tcp://127.0.0.1:1"),
        ("tcp://10.1.2.3:5556", "tcp://10.1.2.3:5556"),
        ("ipc:///tmp/x", "ipc:///tmp/x"),
    ],
)
def test_a_wildcard_is_reached_on_this_machine(bound, connected):
    assert reachable(bound) == connected


def test_waiting_does_not_outlast_its_limit_when_only_garbage_comes(service):
    with ResultSubscriber(endpoint(service)) as subscriber:
        joined(service)
        until_s = time.monotonic() + 0.3
        for _ in range(200):
            service.send(b"garbage")
        assert subscriber.receive(0.3) is None
        assert subscriber.malformed > 0
        assert time.monotonic() >= until_s - 0.01  # a poll's limit is in whole milliseconds
