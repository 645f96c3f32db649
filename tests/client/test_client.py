import time

import numpy as np
import pytest

from contract_messages import community, drop, result
from fake_service import ok, served
from live import ANSWER_S, ipc_endpoints, tcp_endpoints
from scopeside.client import Client, Result
from scopeside.errors import (
    ConfigError,
    EndpointError,
    NoResultError,
    RefusedError,
    ServiceAbsentError,
    ServiceBusyError,
    ServiceError,
    ServicePausedError,
    ServiceVersionError,
)
from scopeside.targets import Target


@pytest.fixture
def at(tmp_path):
    return ipc_endpoints(tmp_path)


def connected(at, **options):
    return Client(
        results=at.results,
        events=at.events,
        control=at.control,
        **{"timeout_s": ANSWER_S} | options,
    )


def test_a_client_of_a_host_has_the_ports_of_the_contract():
    with Client("127.0.0.2", control="tcp://127.0.0.1:9") as client:
        assert client.endpoints.results == "tcp://127.0.0.2:5556"
        assert client.endpoints.events == "tcp://127.0.0.2:5557"
        assert client.endpoints.control == "tcp://127.0.0.1:9"


def test_a_client_of_a_configuration_has_its_endpoints(tmp_path):
    config = tmp_path / "mine.toml"
    config.write_text('[publish]\nresults = "tcp://*:7001"\n[control]\nendpoint = "ipc://x"\n')
    with Client.from_settings(config) as client:
        assert client.endpoints.results == "tcp://127.0.0.1:7001"
        assert client.endpoints.events == "tcp://127.0.0.1:5557"
        assert client.endpoints.control == "ipc://x"


def test_an_impossible_endpoint_is_named():
    for which in ("results", "control"):
        with pytest.raises(EndpointError, match="nonsense"):
            Client(**{which: "nonsense"})


def test_the_client_listens_from_the_moment_it_is_made(at):
    with served(at) as service, connected(at) as client:
        service.joined()
        service.publish(result(1), result(2))
        taken = client.next_result(ANSWER_S, frame=2)
        assert isinstance(taken, Result)
        assert taken.frame == 2


def test_the_newest_result_replaces_those_that_were_not_taken(at):
    with served(at) as service, connected(at) as client:
        service.joined()
        service.publish(*(result(frame) for frame in range(50)))
        frames = [client.next_result(ANSWER_S).frame]
        while frames[-1] != 49:
            frames.append(next(client.results(timeout_s=ANSWER_S)).frame)
    assert frames == sorted(set(frames))


def test_every_result_comes_in_order_where_that_is_asked(at):
    with served(at) as service, connected(at) as client:
        service.joined()
        with client.results(latest=False, timeout_s=ANSWER_S) as every:
            service.joined()
            service.publish(*(result(frame) for frame in range(50)))
            assert [next(every).frame for _ in range(50)] == list(range(50))


def test_results_of_other_series_and_earlier_frames_are_passed_over(at):
    with served(at) as service, connected(at) as client:
        service.joined()

        def arrived(frame, series):
            service.publish(result(frame, series=series))
            return client.next_result(ANSWER_S, series=series, frame=frame)

        assert arrived(3, "a").frame == 3
        service.publish(result(9, series="b"))
        service.publish(result(5, series="a"))
        taken = client.next_result(ANSWER_S, series="a", frame=4)
        assert (taken.series, taken.frame) == ("a", 5)


def test_a_silent_but_ready_service_ends_the_stream_and_fails_the_single_result(at):
    with served(at) as service, connected(at) as client:
        service.joined()
        assert list(client.results(timeout_s=0.05)) == []
        with pytest.raises(NoResultError, match=r"ingest\.endpoint"):
            client.next_result(0.05)
        with pytest.raises(NoResultError, match="of series film"):
            client.next_result(0.05, series="film")


@pytest.mark.parametrize(
    ("state", "error", "advice"),
    [
        ("paused", ServicePausedError, r"resume\(\)"),
        ("warming", ServiceBusyError, "wait_until"),
        ("starting", ServiceBusyError, "wait_until"),
        ("draining", ServiceBusyError, "start it anew"),
    ],
)
def test_silence_is_explained_by_the_services_state(at, state, error, advice):
    with served(at, state=state) as service, connected(at) as client:
        service.joined()
        with pytest.raises(error, match=advice):
            client.next_result(0.05)
        with pytest.raises(error, match=advice):
            next(client.results(timeout_s=0.05))


def test_silence_without_a_service_says_to_start_one(at):
    with connected(at) as client, pytest.raises(ServiceAbsentError, match="scopeside serve"):
        client.next_result(0.05)


def test_results_of_another_version_are_said_to_be_so(at):
    with served(at) as service, connected(at) as client:
        service.joined()
        service.publish(result(1, v=2))
        with pytest.raises(ServiceVersionError, match=r"version 2.*Update the older"):
            client.next_result(0.5)


def test_after_a_service_was_updated_its_silence_is_only_silence(at):
    with served(at) as service, connected(at) as client:
        service.joined()
        service.publish(result(1, v=2))
        with pytest.raises(ServiceVersionError):
            client.next_result(0.2)
        service.publish(result(2))
        assert client.next_result(ANSWER_S).frame == 2
        with pytest.raises(NoResultError):
            client.next_result(0.05)


def test_what_came_and_was_no_result_is_told(at):
    with served(at) as service, connected(at) as client:
        service.joined()
        service.publish(b"garbage")
        with pytest.raises(NoResultError, match=r"could not be read: .*msgpack"):
            client.next_result(0.2)


@pytest.mark.parametrize("code", ["unknown_command", "not_available", "bad_version"])
def test_an_older_service_is_named_as_such(at, code):
    with served(at) as service, connected(at) as client:
        service.refusals["reference"] = (code, "Command reference is not one of ping, status.")
        with pytest.raises(ServiceVersionError, match=r"not one of ping.*Update the older"):
            client.reference()


def test_a_reply_without_what_the_client_reads_is_of_another_version(at):
    with (
        served(at, answer=ok),
        connected(at) as client,
        pytest.raises(ServiceVersionError, match="config"),
    ):
        client.config()


def test_a_busy_service_and_a_refusal_are_told_apart(at):
    with served(at) as service, connected(at) as client:
        service.refusals["set"] = ("bad_state", "The service is warming: ask again.")
        service.refusals["name"] = ("bad_value", "Community 9 is unknown.")
        with pytest.raises(ServiceBusyError, match="ask again"):
            client.set({"graph.resolution": 0.5})
        with pytest.raises(RefusedError, match="Community 9 is unknown") as caught:
            client.name(9, "x")
        assert caught.value.code == "bad_value"
        assert isinstance(caught.value, ServiceError)


def test_changed_settings_are_put_back_also_after_an_error(at):
    with served(at) as service, connected(at) as client:
        with pytest.raises(ZeroDivisionError), client.changed({"graph.resolution": 0.5}):
            raise ZeroDivisionError
        assert sets_of(service) == [{"graph.resolution": 0.5}, {"graph.resolution": "auto"}]


def test_nothing_is_put_back_where_nothing_could_be_changed(at):
    with served(at) as service, connected(at) as client:
        service.refusals["set"] = ("bad_value", "chips.size_px is not live.")
        with (
            pytest.raises(RefusedError, match="not live"),
            client.changed({"chips.size_px": 48}),
        ):
            pytest.fail("the loop went on with settings that were refused")
        assert len(sets_of(service)) == 1


def sets_of(service):
    return [request["values"] for request in service.control.requests if request["cmd"] == "set"]


def test_commands_are_those_of_the_contract(at):
    with served(at) as service, connected(at) as client:
        assert client.status()["state"] == "ready"
        assert client.config() == {"graph": {"resolution": "auto"}}
        client.set({"graph.resolution": np.float32(0.5)})
        client.name(3, "amorphous")
        client.reference()
        client.pause()
        client.resume()
        client.reset()
        client.drain()
        assert client.call("ping")["ok"]
        requests = service.control.requests
    assert [request["cmd"] for request in requests] == [
        *("status", "config", "set", "name", "reference"),
        *("pause", "resume", "reset", "drain", "ping"),
    ]
    assert requests[2]["values"] == {"graph.resolution": 0.5}
    assert (requests[3]["community"], requests[3]["name"]) == (3, "amorphous")


POINT = {
    "community": 2,
    "name": "film",
    "y_px": 10.0,
    "x_px": 4.0,
    "stage_m": [1e-6, 2e-6],
    "region": 1,
    "clearance_px": 3.5,
    "confidence": 0.75,
}
TARGET = Target(
    community=2,
    y_px=10.0,
    x_px=4.0,
    region=1,
    clearance_px=3.5,
    confidence=0.75,
    stage_m=(1e-6, 2e-6),
)


def steering(request):
    """What a service that steers answers."""
    fields = {"points": [POINT]} if request["cmd"] in {"targets", "visited"} else {"rules": []}
    return ok(request, **fields)


def test_targets_come_as_points_to_visit(at):
    with served(at, answer=steering) as service, connected(at) as client:
        assert client.targets("film", 2, "boundary", min_distance_px=3) == (TARGET,)
        (request,) = service.control.requests
    asked = {"community": "film", "count": 2, "strategy": "boundary", "min_distance_px": 3}
    assert asked.items() <= request.items()


def test_points_that_are_marked_as_visited_are_asked_for_once(at):
    with served(at, answer=lambda r: None) as service, connected(at, timeout_s=0.2) as client:
        for ask in (
            lambda: client.targets(2, mark_visited=True),
            lambda: client.visited.mark([(1, 2)]),
        ):
            with pytest.raises(ServiceAbsentError):
                ask()
        assert service.asked == ["targets", "visited"]


def test_a_loop_leaves_rules_and_visited_points_with_the_service(at):
    rule = {"name": "half", "watch": "fraction", "community": "amorphous", "above": 0.5}
    with served(at, answer=steering) as service, connected(at) as client:
        client.rules.set(rule)
        assert client.rules.list() == ()
        client.rules.remove("half")
        client.visited.mark([TARGET], points_m=np.array([[1e-6, 0.0]]))
        assert client.visited.list() == (POINT,)
        client.visited.clear()
        requests = [
            {key: value for key, value in request.items() if key not in {"v", "id"}}
            for request in service.control.requests
        ]
    assert requests == [
        {"cmd": "rules", "action": "set", "rule": rule},
        {"cmd": "rules", "action": "list"},
        {"cmd": "rules", "action": "remove", "name": "half"},
        {
            "cmd": "visited",
            "action": "mark",
            "points_px": [[10.0, 4.0]],
            "points_m": [[1e-6, 0.0]],
        },
        {"cmd": "visited", "action": "list"},
        {"cmd": "visited", "action": "clear"},
    ]


def test_what_no_message_can_hold_is_the_callers_fault(at):
    with served(at), connected(at) as client, pytest.raises(ConfigError, match='"set"'):
        client.set({"graph.resolution": object()})


def test_waiting_for_a_state_sees_it_come(at):
    states = iter(["starting", "warming", "ready"])
    with served(at, answer=lambda r: ok(r, state=next(states))), connected(at) as client:
        assert client.wait_until("ready", ANSWER_S)["state"] == "ready"


def test_a_state_that_never_comes_names_the_one_that_was(at):
    with (
        served(at, state="warming"),
        connected(at) as client,
        pytest.raises(ServiceBusyError, match="warming"),
    ):
        client.wait_until("ready", 0.2)


def test_waiting_for_nobody_ends(at):
    with connected(at, timeout_s=0.05) as client, pytest.raises(ServiceAbsentError):
        client.wait_until("ready", 0.2)


@pytest.mark.parametrize("kind", ["tcp", "ipc"])
def test_results_and_commands_go_on_after_a_restart(tmp_path, kind):
    at = tcp_endpoints() if kind == "tcp" else ipc_endpoints(tmp_path)
    with connected(at) as client:
        for life in range(3):
            with served(at) as service:
                assert heard(client, service, result(life)).frame == life
                assert client.status()["state"] == "ready"


def heard(client, service, message):
    """The result, published until the client hears it: it subscribes anew while it listens."""
    until_s = time.monotonic() + ANSWER_S
    while True:
        service.publish(message)
        try:
            return client.next_result(0.1, frame=message["frame"])
        except NoResultError:
            assert time.monotonic() < until_s


def test_a_reply_that_was_lost_is_asked_for_again(at):
    unheard = iter([True, False])
    with served(at, answer=lambda r: None if next(unheard, False) else ok(r, state="ready")) as s:
        with connected(at, timeout_s=1.5) as client:
            assert client.status()["state"] == "ready"
        first, second = s.control.requests
    assert first == second


def test_what_may_not_be_done_twice_is_sent_once(at):
    with served(at, answer=lambda r: None) as service, connected(at, timeout_s=0.3) as client:
        with pytest.raises(ServiceAbsentError, match='"clock"'):
            client.clock()
        with pytest.raises(ServiceAbsentError, match='"ping"'):
            client.call("ping")
        asked = service.asked
    assert asked == ["clock", "ping"]


def test_the_clocks_offset_is_measured(at):
    ahead_ns = -7_200_000_000_000

    def answer(request):
        now_ns = time.time_ns() + ahead_ns
        return ok(request, t0_ns=request["t0_ns"], t1_ns=now_ns, t2_ns=now_ns)

    with served(at, answer=answer) as service, connected(at) as client:
        offset = client.clock(rounds=9)
        assert len(service.asked) == 9
    assert abs(offset.offset_ns - ahead_ns) <= offset.uncertainty_ns


def test_events_are_sorted_by_their_kind(at):
    with served(at) as service, connected(at) as client:
        with client.events("drop", timeout_s=ANSWER_S) as drops:
            service.joined("events")
            service.beat()
            service.tell(drop(frame=4))
            assert next(drops)["frame"] == 4
        with client.events(timeout_s=ANSWER_S) as every:
            service.joined("events")
            service.beat()
            assert next(every)["kind"] == "heartbeat"


def test_events_end_in_silence_but_not_in_absence(at):
    with (
        served(at, state="paused") as service,
        connected(at) as client,
        client.events("alarm", timeout_s=0.3) as alarms,
    ):
        service.joined("events")
        service.beat()
        assert list(alarms) == []
    with connected(at) as client, pytest.raises(ServiceAbsentError):
        next(client.events(timeout_s=0.05))


def test_fractions_are_by_id_and_by_name(at):
    entries = [
        community(1, fraction=0.25, name="film"),
        community(2, fraction=0.5, name="film"),
        community(3, fraction=0.25),
    ]
    with served(at) as service, connected(at) as client:
        service.joined()
        service.publish(result(1, communities=entries))
        taken = client.next_result(ANSWER_S)
    assert taken.fraction("film") == 0.75
    assert taken.fraction(3) == 0.25
    assert taken.fraction("vacuum") == taken.fraction(9) == 0.0


def test_closing_twice_is_harmless(at):
    client = connected(at)
    every, events = client.results(latest=False), client.events()
    for _ in range(2):
        client.close()
        every.close()
        events.close()
