"""CURVE on every socket: who has a key on the list is served, nobody else hears a word."""

import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import zmq
from zmq.auth import create_certificates

from live import ANSWER_S, READY_S, SMALL, finished, listening, started, tcp_endpoints, two_phases
from scopeside.client import Client
from scopeside.client.connection import ClientKeys
from scopeside.client.control import ControlClient
from scopeside.client.publisher import FramePublisher
from scopeside.client.subscriber import EventSubscriber, ResultSubscriber
from scopeside.errors import EndpointError

pytestmark = pytest.mark.e2e


@dataclass(frozen=True)
class Keys:
    """A service, the clients on its list, a stranger with a key of its own, and a publisher."""

    folder: Path

    def client(self, name):
        return ClientKeys(
            server=self.folder / "service.key", client=self.folder / name / f"{name}.key_secret"
        )

    def sets(self):
        return [
            "security.curve=true",
            f"security.server_key={self.folder}/service.key_secret",
            f"security.clients={self.folder}/friend",
            f"security.publisher_key={self.folder}/publisher.key",
        ]


@pytest.fixture
def keys(tmp_path):
    for name in ("friend", "stranger"):
        (tmp_path / name).mkdir()
        create_certificates(tmp_path / name, name)
    for name in ("service", "publisher"):
        create_certificates(tmp_path, name)
    return Keys(tmp_path)


def wait_until_ready(process, endpoints, keys, log):
    until_s = time.monotonic() + READY_S
    with ControlClient(endpoints.control, timeout_s=ANSWER_S, keys=keys) as control:
        while control.call("status")["state"] != "ready":
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until_s


@pytest.mark.parametrize("attach", ["connect", "bind"])
def test_a_client_on_the_list_is_served_and_others_hear_nothing(tmp_path, keys, attach):
    endpoints, log = tcp_endpoints(), tmp_path / "serve.log"
    friend, stranger = keys.client("friend"), keys.client("stranger")
    sets = [*SMALL, *keys.sets(), "ingest.socket=pull", f"ingest.attach={attach}"]
    words = ["serve", *(f"--set={one}" for one in [*endpoints.sets(), *sets])]
    if attach == "connect":
        options = {"attach": "bind", "server_key": keys.folder / "publisher.key_secret"}
    else:
        options = {"attach": "connect"}
    at = {name: getattr(endpoints, name) for name in ("results", "events", "control")}
    with (
        started(*words, log=log) as process,
        Client(**at, keys=friend, timeout_s=ANSWER_S) as client,
        listening(endpoints, keys=friend) as heard,
        ResultSubscriber(endpoints.results, keys=stranger) as strange_results,
        EventSubscriber(endpoints.events, keys=stranger) as strange_events,
        EventSubscriber(endpoints.events) as plain_events,
    ):
        wait_until_ready(process, endpoints, friend, log)
        with client.publisher(endpoints.frames, socket="push", **options) as publisher:
            assert publisher.clock.wait(ANSWER_S)
            publisher.start("s")
            for _ in range(2):
                publisher.frame(two_phases())
                while (result := heard.results.receive(0.3)) is None:
                    publisher.frame(two_phases())
                assert result.series == "s"
            assert client.next_result(ANSWER_S).series == "s"
        # A beat on each side of the second: whoever were let in would have heard one.
        for _ in range(2):
            heard.wait_for_event("heartbeat")
        for subscriber in (strange_results, strange_events, plain_events):
            assert subscriber.receive(0.0) is None
        for unwanted in (stranger, None):
            with (
                ControlClient(endpoints.control, timeout_s=0.5, keys=unwanted) as control,
                pytest.raises(EndpointError, match="No reply"),
            ):
                control.call("ping")


@pytest.mark.parametrize("wrong", ["stranger", None])
def test_frames_of_a_publisher_without_the_right_key_are_not_taken(tmp_path, keys, wrong):
    endpoints, log = tcp_endpoints(), tmp_path / "serve.log"
    sets = [*SMALL, *keys.sets(), "ingest.socket=pull", "ingest.attach=bind"]
    words = ["serve", *(f"--set={one}" for one in [*endpoints.sets(), *sets])]
    unwanted = keys.client(wrong) if wrong else None
    with (
        started(*words, log=log) as process,
        listening(endpoints, keys=keys.client("friend")) as heard,
    ):
        wait_until_ready(process, endpoints, keys.client("friend"), log)
        context = zmq.Context()
        with context.socket(zmq.PUSH) as push:
            push.linger, push.immediate = 0, 1
            if unwanted is not None:
                unwanted.apply(push)
            push.connect(endpoints.frames)
            heard.wait_for_event("error", code="handshake_failed")
            assert not push.poll(100, zmq.POLLOUT)
        context.term()
        friend = FramePublisher(
            endpoints.frames, socket="push", attach="connect", keys=keys.client("friend")
        )
        with friend as publisher:
            publisher.start("s")
            publisher.frame(two_phases())
        ended = heard.wait_for_event("series", event="ended", series="s")
    assert ended["accounting"]["received"] == 1


def test_a_port_in_use_is_told_with_curve_too(tmp_path, keys):
    endpoints, log = tcp_endpoints(), tmp_path / "serve.log"
    words = ["serve", *(f"--set={one}" for one in [*endpoints.sets(), *SMALL, *keys.sets()])]
    context = zmq.Context()
    with context.socket(zmq.PUSH) as holder:
        holder.bind(endpoints.control)
        with started(*words, log=log) as process:
            assert process.wait(ANSWER_S) == 3
    context.term()
    (sentence,) = log.read_text().splitlines()
    assert "control.endpoint" in sentence


def test_doctor_asks_an_encrypted_service_with_keys_and_hears_nothing_without(tmp_path, keys):
    endpoints, log = tcp_endpoints(), tmp_path / "serve.log"
    words = [f"--set={one}" for one in [*endpoints.sets(), *SMALL, *keys.sets()]]
    files = ("--server-key", f"{tmp_path}/service.key", "--client-key")
    with started("serve", *words, log=log) as process:
        wait_until_ready(process, endpoints, keys.client("friend"), log)
        asked = ("doctor", "--service", "--set", f"control.endpoint={endpoints.control}")
        friend = finished(*asked, *files, f"{tmp_path}/friend/friend.key_secret")
        stranger = finished(*asked, *files, f"{tmp_path}/stranger/stranger.key_secret")
        keyless = finished(*asked)
    assert [one.returncode for one in (friend, stranger, keyless)] == [0, 1, 1]
    assert '"ready"' in friend.stdout
