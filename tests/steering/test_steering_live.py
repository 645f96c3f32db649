"""Targets, visited points and the reference over real sockets."""

from contextlib import suppress

import numpy as np
import pytest
import zmq

from live import ANSWER_S, ipc_endpoints, plain_requester, running, two_phases
from scopeside.client.client import Client
from scopeside.errors import NoResultError, OutputError, RefusedError, ServiceError

NM = 1e-9


@pytest.fixture
def endpoints(tmp_path):
    return ipc_endpoints(tmp_path)


def event(service, kind):
    while True:
        heard = service.events.receive(ANSWER_S)
        assert heard is not None, f"no {kind} event"
        if heard["kind"] == kind:
            return heard


def test_points_come_as_a_reply_and_as_an_event(endpoints):
    with (
        running(endpoints, sets=["ingest.socket=pull"]) as service,
        plain_requester(endpoints.control) as ask,
        service.publisher(socket="push") as publisher,
    ):
        publisher.start("s")
        publisher.frame(two_phases(), pixel_to_stage=((NM, 0.0, 0.0), (0.0, NM, 0.0)))
        result = service.results.receive(ANSWER_S)
        id_ = result.communities[0].id
        assert service.control.call("name", community=id_, name="left")["name"] == "left"
        reply = ask({"v": 1, "id": 5, "cmd": "targets", "community": "left", "count": 2})
        assert reply["ok"], reply
        (point, *_) = reply["points"]
        assert (reply["series"], reply["frame"]) == ("s", 0)
        assert result.labels_YX[int(point["y_px"]), int(point["x_px"])] == id_
        assert point["stage_m"] == pytest.approx([point["x_px"] * NM, point["y_px"] * NM])
        told = event(service, "targets")
        assert told["points"] == reply["points"]
        assert (told["series"], told["frame"], told["strategy"]) == ("s", 0, "interior")

        mark = {"v": 1, "id": 6, "cmd": "visited", "action": "mark", "points_px": [[1, 2]]}
        assert ask(mark)["count"] == 1
        listed = ask({"v": 1, "id": 7, "cmd": "visited", "action": "list"})
        assert listed["points"] == [
            {"series": "s", "y_px": 1.0, "x_px": 2.0, "stage_m": [2 * NM, NM]}
        ]
        assert ask({"v": 1, "id": 8, "cmd": "visited", "action": "clear"})["cleared"] == 1
        with pytest.raises(ServiceError, match="No community is named 'nobody'"):
            service.control.call("targets", community="nobody")


def test_the_reference_is_kept_of_the_newest_frame(endpoints):
    with (
        running(endpoints, sets=["ingest.socket=pull"]) as service,
        service.publisher(socket="push") as publisher,
    ):
        publisher.start("s")
        publisher.frame(two_phases())
        result = service.results.receive(ANSWER_S)
        kept = service.control.call("reference")["communities"]
        assert kept == sorted(one.id for one in result.communities)
        publisher.frame(two_phases(seed=1))
        later = service.results.receive(ANSWER_S)
        far = [one.descriptors["reference_distance"] for one in later.communities]
        assert all(0 <= value < 0.5 for value in far)


def test_an_alarm_is_out_before_the_result_that_set_it_off(endpoints):
    rule = {"name": "stop", "watch": "fraction", "above": 0.2, "repeat": False}
    with (
        running(endpoints, sets=["ingest.socket=pull"]) as service,
        service.publisher(socket="push") as publisher,
    ):
        assert service.control.call("rules", action="set", rule=rule)["rules"][0]["above"] == 0.2
        publisher.start("s")
        publisher.frame(two_phases())
        result = service.results.receive(ANSWER_S)
        told = event(service, "alarm")
        assert (told["rule"], told["series"], told["frame"]) == ("stop", "s", 0)
        assert told["value"] == result.communities[0].fraction
        assert told["t_received_ns"] == result.timing.t_received_ns
        assert 0 < told["rule_latency_s"] < result.timing.service_s
        assert told["t_ns"] < result.timing.t_published_ns
        state = service.control.call("rules")["states"]["stop"]
        assert state == {"fired": 1, "done": True, "value": result.communities[-1].fraction}


def test_drops_raise_an_alarm_at_a_heartbeat_though_no_frame_is_segmented(endpoints):
    rules = 'rules=[{name="lost", watch="drops", above=3}]'
    with running(endpoints, sets=[rules, "ingest.socket=pull"]) as service:
        sender = zmq.Context.instance().socket(zmq.PUSH)
        sender.bind(endpoints.frames)
        try:
            for _ in range(4):
                sender.send_multipart([b"nonsense", b"", b""])
            told = event(service, "alarm")
        finally:
            sender.close(linger=0)
    assert (told["rule"], told["frame"], told["rule_latency_s"]) == ("lost", None, None)
    assert 3 <= told["value"] <= 4


def test_a_service_that_is_stopped_keeps_what_its_last_frames_taught_it(endpoints, tmp_path):
    sets = ["ingest.socket=pull", f"state.file={tmp_path / 'session.state'}"]
    with running(endpoints, sets=sets) as service, service.publisher(socket="push") as publisher:
        publisher.start("s")
        for number in range(5):
            publisher.frame(two_phases(seed=number))
            last = service.results.receive(ANSWER_S)
        assert service.control.call("status")["state_file"]["error"] is None
    with running(endpoints, sets=sets) as service, service.publisher(socket="push") as publisher:
        publisher.start("s")
        publisher.frame(two_phases(seed=5), number=5)
        after = service.results.receive(ANSWER_S)
    ages = {one.id: one.age for one in last.communities}
    assert {one.id: one.age - 1 for one in after.communities} == ages


def test_the_client_and_the_service_choose_the_same_points_of_the_same_frame(endpoints):
    at = {"results": endpoints.results, "events": endpoints.events, "control": endpoints.control}
    with (
        running(endpoints, sets=["ingest.socket=pull"]) as service,
        Client(**at, timeout_s=ANSWER_S) as client,
        service.publisher(socket="push") as publisher,
    ):
        publisher.start("s")
        publisher.frame(two_phases(), pixel_to_stage=((NM, 0.0, 0.0), (0.0, NM, 0.0)))
        assert service.results.receive(ANSWER_S) is not None
        # This client may have joined too late for that frame.
        while True:
            publisher.frame(two_phases(), pixel_to_stage=((NM, 0.0, 0.0), (0.0, NM, 0.0)))
            assert service.results.receive(ANSWER_S) is not None
            with suppress(NoResultError):
                label_map = client.next_result(1.0).label_map
                break
        for one in label_map.communities:
            for strategy in ("interior", "boundary", "random", "high_confidence"):
                options = {"min_distance_px": 6.0, "one_per_region": False}
                theirs = client.targets(one.id, 4, strategy, **options)
                assert theirs == label_map.points(one.id, 4, strategy, **options)
                assert theirs
        client.visited.mark(theirs)
        (again,) = client.targets(one.id, avoid_visited=True, min_distance_px=3.0)
        assert all(
            np.hypot(again.y_px - point.y_px, again.x_px - point.x_px) >= 3.0 for point in theirs
        )
        client.rules.set({"name": "stop", "watch": "vanishes", "community": one.id})
        assert [rule["name"] for rule in client.rules.list()] == ["stop"]
        with pytest.raises(RefusedError, match="has no key 'abov': did you mean 'above'"):
            client.rules.set({"name": "x", "watch": "fraction", "abov": 1})


def test_a_state_file_that_cannot_be_written_ends_the_service_at_its_start(endpoints, tmp_path):
    sets = [f"state.file={tmp_path / 'none' / 'session.state'}"]
    with running(endpoints, sets=sets, ready=False) as service:
        pass
    (error,) = service.errors
    assert isinstance(error, OutputError)
    assert "choose another file, or make its folder" in str(error)
