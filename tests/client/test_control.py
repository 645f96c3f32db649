import threading
import time

import msgpack
import pytest

from fake_control import FakeService
from scopeside.client.control import ControlClient
from scopeside.errors import EndpointError, ServiceError


@pytest.fixture
def serve(tmp_path):
    running = []

    def start(answer):
        endpoint = f"ipc://{tmp_path}/control"
        running.append(FakeService(endpoint, answer))
        running[-1].start()
        return endpoint, running[-1]

    yield start
    for service in running:
        service.stop()


def ok(request, **fields):
    return {"v": 1, "id": request["id"], "ok": True, **fields}


def test_a_request_carries_version_id_command_and_arguments(serve):
    endpoint, service = serve(lambda request: ok(request, state="ready"))
    with ControlClient(endpoint, timeout_s=10) as control:
        assert control.call("status")["state"] == "ready"
        control.call("set", values={"graph.resolution": 0.6})
    first, second = service.requests
    assert first == {"v": 1, "id": 1, "cmd": "status"}
    assert second == {"v": 1, "id": 2, "cmd": "set", "values": {"graph.resolution": 0.6}}


def test_a_refusal_repeats_the_services_sentence(serve):
    refusal = {"code": "bad_request", "message": "ingest.endpoint cannot change."}
    endpoint, _ = serve(lambda r: {"v": 1, "id": r["id"], "ok": False, "error": refusal})
    with (
        ControlClient(endpoint, timeout_s=10) as control,
        pytest.raises(ServiceError, match=r"ingest\.endpoint cannot change"),
    ):
        control.call("set", values={})


def test_after_a_missed_reply_the_next_request_works(serve):
    silent = threading.Event()
    silent.set()
    endpoint, _ = serve(lambda request: None if silent.is_set() else ok(request))
    with ControlClient(endpoint) as control:
        with pytest.raises(EndpointError, match='No reply to "ping"'):
            control.call("ping", timeout_s=0.1)
        silent.clear()
        assert control.call("ping", timeout_s=10)["ok"]


def test_no_service_at_all_is_a_sentence_and_not_a_hang(tmp_path):
    with (
        ControlClient(f"ipc://{tmp_path}/nobody", timeout_s=0.05) as control,
        pytest.raises(EndpointError, match="is the service running"),
    ):
        control.call("ping")


@pytest.mark.parametrize("reply", [b"\xc1", msgpack.packb([1])])
def test_a_reply_that_is_none_of_ours_is_said_to_be_so(serve, reply):
    endpoint, _ = serve(lambda request: reply)
    with (
        ControlClient(endpoint, timeout_s=10) as control,
        pytest.raises(ServiceError, match="is n"),
    ):
        control.call("ping")


def test_waiting_for_a_state_sees_it_come(serve):
    states = iter(["starting", "warming", "ready"])
    endpoint, service = serve(lambda request: ok(request, state=next(states)))
    with ControlClient(endpoint, timeout_s=10) as control:
        assert control.wait_until("ready", timeout_s=10)["state"] == "ready"
    assert len(service.requests) == 3


def test_a_state_that_never_comes_names_the_one_that_was(serve):
    endpoint, _ = serve(lambda request: ok(request, state="warming"))
    with (
        ControlClient(endpoint, timeout_s=10) as control,
        pytest.raises(EndpointError, match="warming"),
    ):
        control.wait_until("ready", timeout_s=0.2)


def test_clock_offset_finds_a_clock_that_is_ahead(serve):
    ahead_ns = 3_600_000_000_000

    def answer(request):
        now_ns = time.time_ns() + ahead_ns
        return ok(request, t0_ns=request["t0_ns"], t1_ns=now_ns, t2_ns=time.time_ns() + ahead_ns)

    endpoint, service = serve(answer)
    with ControlClient(endpoint, timeout_s=10) as control:
        offset_ns, uncertainty_ns = control.clock_offset(rounds=5)
    assert len(service.requests) == 5
    assert abs(offset_ns - ahead_ns) <= uncertainty_ns


def test_an_impossible_endpoint_is_named():
    with pytest.raises(EndpointError, match="nonsense"):
        ControlClient("nonsense")
