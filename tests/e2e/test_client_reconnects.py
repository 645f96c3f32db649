"""A client outlives the service: it is killed and started anew, and the loop goes on."""

import time
from collections import deque

import pytest

from live import ANSWER_S, READY_S, SMALL, serving, tcp_endpoints, two_phases
from scopeside.client import Client
from scopeside.client.publisher import FramePublisher
from scopeside.errors import NoResultError, ServiceAbsentError

pytestmark = pytest.mark.e2e


def heard(client, publisher):
    """A result, while frames are sent until the client hears one."""
    until_s = time.monotonic() + ANSWER_S
    while True:
        publisher.frame(two_phases())
        try:
            return client.next_result(0.3, series=publisher.series)
        except NoResultError:
            assert time.monotonic() < until_s


def test_results_and_commands_go_on_when_the_service_was_killed(tmp_path):
    at = tcp_endpoints()
    with (
        Client(results=at.results, events=at.events, control=at.control) as client,
        FramePublisher(at.frames, socket="push") as publisher,
    ):
        for life in ("first", "second"):
            log = tmp_path / f"{life}.log"
            with serving(at, sets=[*SMALL, "ingest.socket=pull"], log=log) as process:
                client.wait_until("ready", READY_S)
                publisher.start(life)
                assert heard(client, publisher).series == life
                client.name(1, life)
                process.kill()
                process.wait(ANSWER_S)
        # What was published before the end is still to be read.
        with pytest.raises(ServiceAbsentError, match="scopeside serve"):
            deque(iter(lambda: client.next_result(0.1), None), maxlen=0)
