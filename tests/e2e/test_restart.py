"""A service that is killed in the middle of an experiment, and started anew with its state file."""

import signal

import pytest

from live import ANSWER_S, READY_S, SMALL, listening, serving, tcp_endpoints, two_phases
from scopeside.client.control import ControlClient
from scopeside.client.publisher import FramePublisher

pytestmark = pytest.mark.e2e

NM = 1e-9
RULE = {"name": "stop", "watch": "fraction", "community": "left", "above": 0.9}


def frame(publisher, listener, number):
    """Send a frame of the film and return its result."""
    publisher.frame(
        two_phases(seed=number), number=number, pixel_to_stage=((NM, 0.0, 0.0), (0.0, NM, 0.0))
    )
    return listener.result("film")


def test_a_kill_loses_no_name_no_reference_no_id_and_no_visited_point(tmp_path):
    endpoints, log = tcp_endpoints(), tmp_path / "log"
    sets = [*SMALL, "ingest.socket=pull", f"state.file={tmp_path / 'session.state'}"]
    with FramePublisher(endpoints.frames, socket="push") as publisher:
        with (
            serving(endpoints, sets=sets, log=log) as process,
            listening(endpoints) as listener,
            ControlClient(endpoints.control, timeout_s=ANSWER_S) as control,
        ):
            while listener.events.receive(0.02) is None:
                control.call("resume")
            publisher.start("film")
            results = [frame(publisher, listener, number) for number in range(3)]
            before = results[-1]
            id_ = before.communities[0].id
            control.call("name", community=id_, name="left")
            reference = control.call("reference")["communities"]
            control.call("visited", action="mark", points_px=[[3, 4]])
            control.call("rules", action="set", rule=RULE)
            marked = control.call("visited", action="list")["points"]
            process.send_signal(signal.SIGKILL)
            process.wait(READY_S)

        with (
            serving(endpoints, sets=sets, log=log),
            listening(endpoints) as listener,
            ControlClient(endpoints.control, timeout_s=ANSWER_S) as control,
        ):
            assert control.call("visited", action="list")["points"] == marked
            assert [rule["name"] for rule in control.call("rules")["rules"]] == ["stop"]
            while listener.events.receive(0.02) is None:
                control.call("resume")
            after = frame(publisher, listener, 3)

            known = {one.id: one for one in after.communities}
            assert known[id_].name == "left"
            assert known[id_].color == before.communities[0].color
            assert known[id_].age == before.communities[0].age + 1
            assert set(known) == {one.id for one in before.communities} == set(reference)
            assert (after.labels_YX == before.labels_YX).mean() > 0.95
            far = [one.descriptors["reference_distance"] for one in after.communities]
            assert all(value is not None and value < 0.5 for value in far)
            reply = control.call(
                "targets", community="left", avoid_visited=True, min_distance_px=8, count=20
            )
            assert all(
                (point["y_px"] - 3) ** 2 + (point["x_px"] - 4) ** 2 >= 64
                for point in reply["points"]
            )
            assert reply["points"][0]["community"] == id_


def test_a_damaged_state_file_is_kept_aside_and_the_service_starts(tmp_path):
    endpoints, file = tcp_endpoints(), tmp_path / "session.state"
    file.write_bytes(b"SCOPESIDE STATE 1\n" + bytes(100))
    log = tmp_path / "log"
    with (
        serving(endpoints, sets=[*SMALL, f"state.file={file}"], log=log),
        ControlClient(endpoints.control, timeout_s=ANSWER_S) as control,
    ):
        state = control.call("status")["state_file"]
        assert (state["file"], state["error"]) == (str(file), None)
    (aside,) = tmp_path.glob("session.state.unusable-*")
    assert aside.read_bytes().endswith(bytes(100))
    assert "is damaged: its checksum is that of other bytes. It is kept as" in log.read_text()
