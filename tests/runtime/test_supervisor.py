"""systemd is told by a datagram: tested with a real socket."""

import os
import socket
from threading import Event

import pytest

from live import ipc_endpoints, running, two_phases
from scopeside.runtime.lifecycle import State
from scopeside.runtime.supervisor import Supervisor
from scopeside.stages.embed.null import NullEmbedder

BEAT = {"totals": {"segmented": 7, "dropped": {"overload": 2, "stale": 1}}, "rate_hz": 1.5}


@pytest.fixture(params=["file", "abstract"])
def heard(request, tmp_path):
    """A supervisor's socket, its name for the environment, and what it hears."""
    name = f"\0scopeside-{os.getpid()}" if request.param == "abstract" else str(tmp_path / "n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(name)
        listener.settimeout(10)
        env = {"NOTIFY_SOCKET": name.replace("\0", "@")}
        yield env, lambda: listener.recv(4096).decode().split("\n")


def test_ready_is_said_once_and_life_with_every_beat(heard):
    env, hear = heard
    supervisor = Supervisor(list, env=env)
    said = []
    for state in (State.WARMING, State.READY, State.PAUSED, State.READY, State.DRAINING):
        supervisor.beat(state, BEAT)
        said.append(hear())
    supervisor.close()
    assert [part for part in said[0] if not part.startswith("STATUS")] == [
        "EXTEND_TIMEOUT_USEC=60000000"
    ]
    assert said[1][0] == "STATUS=ready: 7 frames segmented, 3 dropped, 1.50 a second"
    assert [("READY=1" in one, "WATCHDOG=1" in one) for one in said[1:]] == [
        (True, True),
        (False, True),
        (False, True),
        (False, True),
    ]
    assert ["STOPPING=1" in one for one in said] == [False, False, False, False, True]


def test_a_loop_that_hangs_gets_no_word_of_life_until_it_turns(heard):
    env, hear = heard
    hanging = ["compute"]
    supervisor = Supervisor(lambda: hanging, env=env)
    supervisor.beat(State.READY, BEAT)
    assert hear() == ["STATUS=hangs: no turn of compute", "READY=1"]
    hanging.clear()
    supervisor.beat(State.READY, BEAT)
    assert "WATCHDOG=1" in hear()
    supervisor.close()


def test_without_a_supervisor_or_with_one_that_left_nothing_happens(tmp_path):
    for env in ({}, {"NOTIFY_SOCKET": str(tmp_path / "gone")}):
        supervisor = Supervisor(list, env=env)
        supervisor.beat(State.READY, BEAT)
        supervisor.close()
        supervisor.beat(State.STOPPED, BEAT)


def test_a_service_tells_its_whole_life(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        said = []
        with running(ipc_endpoints(tmp_path)):
            while sum("WATCHDOG=1" in one for one in said) < 2:
                said.append(listener.recv(4096).decode().split("\n"))
        while not any("STATUS=stopped" in part for part in said[-1]):
            said.append(listener.recv(4096).decode().split("\n"))
    assert sum("READY=1" in one for one in said) == 1
    words = [part for one in said for part in one if not part.startswith("STATUS")]
    order = [
        words.index(word) for word in ("EXTEND_TIMEOUT_USEC=60000000", "READY=1", "STOPPING=1")
    ]
    assert order == sorted(order)


def test_a_service_whose_compute_hangs_is_given_no_word_of_life_until_it_goes_on(
    tmp_path, monkeypatch
):
    """The limit is a second here; the frame that hangs is one that the embedder does not finish."""
    go_on = Event()

    class Hanging(NullEmbedder):
        armed = False

        def embed(self, prepared, grid):
            if self.armed:
                go_on.wait(60)
            return super().embed(prepared, grid)

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))

        def hear_until(wanted):
            while True:
                words = listener.recv(4096).decode().split("\n")
                if wanted(words):
                    return words

        embedder = Hanging()
        sets = ["http.stuck_s=1.0"]
        with (
            running(ipc_endpoints(tmp_path), sets=sets, embedder=embedder) as service,
            service.publisher() as publisher,
        ):
            assert publisher.wait_for_subscriber(30)
            embedder.armed = True
            publisher.start("film")
            publisher.frame(two_phases())
            hung = hear_until(lambda words: words[0].startswith("STATUS=hangs"))
            assert "compute" in hung[0]
            assert "WATCHDOG=1" not in hung
            embedder.armed = False
            go_on.set()
            hear_until(lambda words: "WATCHDOG=1" in words)
