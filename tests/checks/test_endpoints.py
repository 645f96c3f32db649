import socket

import pytest
import zmq

from fake_control import FakeService
from scopeside.checks.endpoints import endpoints
from scopeside.configuration import load_settings


@pytest.fixture
def settings(tmp_path):
    def make(*more):
        names = ("ingest.endpoint", "publish.results", "publish.events", "control.endpoint")
        given = [f"{name}=ipc://{tmp_path}/{name}" for name in names]
        return load_settings(sets=[*given, "http.endpoint=none", *more]).settings

    return make


def by_name(findings):
    return {finding.name: finding for finding in findings}


def test_free_endpoints_are_said_to_be_free_and_are_left_free(settings):
    for _ in range(2):
        found = by_name(endpoints(settings("ingest.attach=bind")))
        assert len(found) == 4
        assert all(finding.ok for finding in found.values())
        assert all(finding.value.endswith("is free") for finding in found.values())


def test_an_endpoint_that_will_be_connected_is_not_judged(settings):
    finding = by_name(endpoints(settings()))["ingest.endpoint"]
    assert finding.ok is None
    assert "connected (SUB)" in finding.value


def test_an_endpoint_in_use_is_named_with_a_way_out(settings):
    context = zmq.Context()
    holder = context.socket(zmq.PUB)
    holder.bind("tcp://127.0.0.1:*")
    taken = holder.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()
    finding = by_name(endpoints(settings(f"publish.results={taken}")))["publish.results"]
    holder.close(linger=0)
    context.term()
    assert finding.ok is False
    assert taken in finding.value
    assert "--set publish.results=" in finding.fix


def test_the_pages_port_in_use_is_named_too(settings):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = f"http://127.0.0.1:{holder.getsockname()[1]}"
        finding = by_name(endpoints(settings(f"http.endpoint={taken}")))["http.endpoint"]
    assert finding.ok is False
    assert taken in finding.value
    finding = by_name(endpoints(settings(f"http.endpoint={taken}")))["http.endpoint"]
    assert finding.ok is True


def test_a_service_that_already_runs_explains_what_is_in_use(settings, tmp_path):
    chosen = settings()
    service = FakeService(
        chosen.control.endpoint,
        lambda request: {"v": 1, "id": request["id"], "ok": True, "state": "ready"},
    )
    service.start()
    try:
        found = by_name(endpoints(chosen))
        assert by_name(endpoints(chosen))["service"].ok  # looking did not take it away
    finally:
        service.stop()
    assert 'state "ready"' in found["service"].value
    assert found["control.endpoint"].value.endswith("is in use by the service")
    assert found["publish.results"].value.endswith("is free")
    assert all(finding.ok is not False for finding in found.values())


def test_a_file_socket_in_use_is_found_without_taking_it(settings):
    chosen = settings()
    context = zmq.Context()
    holder = context.socket(zmq.PUB)
    holder.bind(chosen.publish.results)
    for _ in range(2):
        finding = by_name(endpoints(chosen))["publish.results"]
        assert finding.ok is False
        assert "another program uses it" in finding.value
    holder.close(linger=0)
    context.term()


def test_a_folder_that_is_absent_cannot_hold_a_file_socket(settings, tmp_path):
    chosen = settings(f"publish.events=ipc://{tmp_path}/absent/events")
    finding = by_name(endpoints(chosen))["publish.events"]
    assert finding.ok is False
    assert "absent" in finding.value
