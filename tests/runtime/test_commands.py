"""What the control commands do to the parts of a service."""

import numpy as np
import pytest

from scopeside.channels import Channel
from scopeside.configuration import load_settings
from scopeside.errors import ConfigError, ServiceError
from scopeside.runtime.commands import ServiceCommands
from scopeside.runtime.fault_log import FaultLog
from scopeside.runtime.lifecycle import Lifecycle, State
from scopeside.runtime.measures import Measures
from scopeside.runtime.preview import Previews
from scopeside.runtime.pulse import Pulse
from scopeside.stages.books import Books
from scopeside.stages.intake import Intake
from scopeside.steering.steering import Steering
from scopeside.wire.control import RulesRequest
from steering_samples import sample


class Compute:
    """Remembers what was handed over."""

    def __init__(self):
        self.told = []

    def describe(self):
        return {"device": "cpu", "replans": 1}

    def apply(self, settings, *, config_hash):
        self.told.append((settings.graph.resolution, config_hash))

    def name(self, community, name):
        self.told.append((community, name))

    def reference(self):
        self.told.append("reference")
        return (1, 4)

    def reset(self, *, then):
        self.told.append("reset")
        then()


class Parts:
    """A service's parts without its threads."""

    def __init__(self):
        self.configuration = load_settings(sets=["graph.neighbours=9"])
        self.lifecycle = Lifecycle()
        self.books = Books()
        self.frames = Channel(name="frames", policy="latest")
        self.intake = Intake(
            limits=self.configuration.settings.limits,
            frames=self.frames,
            books=self.books,
            emit=lambda event: None,
            same_host=True,
        )
        self.announced = []
        self.compute = Compute()
        self.steering = Steering(
            (),
            emit=lambda event: None,
            fault=lambda code, message: None,
            totals=self.books.totals,
        )
        self.commands = ServiceCommands(
            self.configuration,
            "http://127.0.0.1:1234",
            self.lifecycle,
            self.intake,
            Pulse(self.lifecycle, self.books, self.frames),
            lambda: self.announced.append(self.lifecycle.state),
            Measures((self.frames,), FaultLog(lambda event: None)),
            Previews(corrected=False),
            self.steering,
        )

    def warm(self):
        self.lifecycle.enter(State.WARMING)
        self.commands.attach(self.compute)
        self.lifecycle.enter(State.READY)
        return self


@pytest.fixture
def parts():
    return Parts()


def test_status_is_there_before_anything_is_warm(parts):
    parts.lifecycle.enter(State.WARMING)
    status = parts.commands.status()
    assert (status["state"], status["series"]) == ("warming", None)
    assert status["totals"]["received"] == 0
    assert status["http"] == "http://127.0.0.1:1234"
    assert "device" not in status


def test_status_tells_the_open_series_and_what_computes(parts):
    parts.warm()
    parts.intake.gate.admit("s", 4)
    parts.intake.gate.admit("s", 6)
    status = parts.commands.status()
    assert status["series"]["series"] == "s"
    assert status["series"]["accounting"]["in_flight"] == 2
    assert status["series"]["accounting"]["missing"] == 1
    assert status["device"] == "cpu"


@pytest.mark.parametrize("command", ["reset", "resume", "reference"])
def test_nothing_that_needs_a_warm_service_is_done_before(parts, command):
    parts.lifecycle.enter(State.WARMING)
    with pytest.raises(ServiceError, match="is warming: ask again once it is ready"):
        getattr(parts.commands, command)()
    assert parts.lifecycle.state is State.WARMING


def test_settings_cannot_be_set_before_the_service_is_warm(parts):
    with pytest.raises(ServiceError, match="is starting"):
        parts.commands.set_values({"graph.resolution": 0.5})
    assert parts.commands.config()["config"]["graph"]["resolution"] == "auto"


def test_set_changes_settings_their_source_and_the_hash_together(parts):
    parts.warm()
    before = parts.commands.config()
    reply = parts.commands.set_values({"graph.resolution": 0.5})
    after = parts.commands.config()
    assert after["config"]["graph"]["resolution"] == 0.5
    assert after["hash"] == reply["hash"] != before["hash"]
    assert parts.compute.told == [(0.5, reply["hash"])]
    assert after["sources"]["graph.resolution"] == "control"
    assert after["sources"]["graph.neighbours"] == before["sources"]["graph.neighbours"]


def test_one_value_refused_changes_none(parts):
    parts.warm()
    before = parts.commands.config()
    with pytest.raises(ConfigError, match=r"chips\.size_px"):
        parts.commands.set_values({"graph.resolution": 0.5, "chips.size_px": 48})
    assert parts.commands.config() == before
    assert parts.compute.told == []


def test_pause_and_resume_reach_intake_and_are_announced(parts):
    parts.warm()
    assert parts.commands.pause() == {"state": "paused"}
    assert parts.intake.paused
    assert parts.commands.resume() == {"state": "ready"}
    assert not parts.intake.paused
    assert parts.announced == [State.PAUSED, State.READY]


def test_a_draining_service_cannot_be_paused_or_resumed(parts):
    parts.warm()
    parts.lifecycle.enter(State.DRAINING)
    for command in (parts.commands.pause, parts.commands.resume):
        with pytest.raises(ServiceError, match="is draining and cannot become"):
            command()
    assert not parts.intake.paused


def test_names_and_resets_are_handed_to_the_compute_thread(parts):
    parts.warm()
    parts.commands.name(3, "oxide")
    assert parts.commands.reference() == {"communities": [1, 4]}
    parts.commands.reset()
    assert parts.compute.told == [(3, "oxide"), "reference", "reset"]


def test_a_reset_lets_rules_begin_anew(parts):
    parts.warm()
    rule = {"name": "stop", "watch": "fraction", "above": 0.9}
    parts.commands.rules(RulesRequest(v=1, cmd="rules", action="set", rule=rule))

    def fired():
        parts.steering.observe(sample(np.ones((8, 8), np.uint16)))
        return parts.commands.rules(RulesRequest(v=1, cmd="rules"))["states"]["stop"]["fired"]

    assert (fired(), fired()) == (1, 1)
    parts.commands.reset()
    assert fired() == 2, "whoever has this id now is another one"


def test_drain_asks_for_the_stop(parts):
    parts.warm()
    assert parts.commands.drain() == {"state": "draining"}
    assert parts.lifecycle.stop_requested.is_set()


def test_rules_change_live_and_show_in_the_configuration(parts):
    before = parts.commands.config()
    rule = {"name": "stop", "watch": "fraction", "above": 0.5}
    ask = lambda **fields: parts.commands.rules(RulesRequest(v=1, cmd="rules", **fields))  # noqa: E731
    assert [one["name"] for one in ask(action="set", rule=rule)["rules"]] == ["stop"]
    after = parts.commands.config()
    assert after["config"]["rules"][0]["above"] == 0.5
    assert after["sources"]["rules"] == "control"
    assert after["hash"] == before["hash"], "rules change no result"
    with pytest.raises(ConfigError, match="There is no rule 'go'; those in force: stop"):
        ask(action="remove", name="go")
    assert ask(action="remove", name="stop") == {"rules": [], "states": {}}
    with pytest.raises(ConfigError, match="Rule 'stop' has no key 'abov': did you mean 'above'"):
        ask(action="set", rule={"name": "stop", "watch": "fraction", "abov": 0.5})
