"""Targets, visited points and the reference over real sockets."""

import pytest

from live import ANSWER_S, ipc_endpoints, plain_requester, running, two_phases
from scopeside.errors import ServiceError

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
