"""What a loop asks for, and what of it a process that is started anew still knows."""

import re

import pytest

from scopeside.messages import Accounting
from scopeside.rule_settings import rule_from
from scopeside.steering.state_file import read_state, write_state
from scopeside.steering.steering import Steering
from scopeside.wire.control import RulesRequest, VisitedPoints

CONFIGURED = [
    rule_from({"name": name, "watch": "fraction", "above": 0.5}) for name in ("stop", "go")
]

LIST = VisitedPoints(v=1, cmd="visited", action="list")


@pytest.fixture
def faults():
    return []


@pytest.fixture
def started(tmp_path, faults):
    """Starts a process's steering on one state file, after the one before it has ended."""
    running = []

    def start(rules=CONFIGURED):
        for before in running:
            before.end(still=True)
        steering = Steering(
            rules,
            emit=lambda event: None,
            fault=lambda code, message: faults.append((code, message)),
            totals=Accounting,
            state_file=tmp_path / "s.state",
        )
        steering.begin()
        running.append(steering)
        return steering

    yield start
    for one in running:
        one.end(still=True)


def change(steering, **fields):
    return steering.change_rules(RulesRequest(v=1, cmd="rules", **fields))


def test_an_answer_is_given_when_the_disk_has_what_was_asked_for(started, tmp_path):
    steering = started()
    for count in range(1, 20):
        steering.visited(
            VisitedPoints(v=1, cmd="visited", action="mark", points_m=[[1e-9 * count, 0.0]])
        )
        assert len(read_state(tmp_path / "s.state")["visited"]) == count
    change(steering, action="remove", name="go")
    assert read_state(tmp_path / "s.state")["rules"]["removed"] == ["go"]


def test_rules_that_were_changed_live_stay_changed_after_a_restart(started):
    steering = started()
    change(steering, action="remove", name="go")
    change(steering, action="set", rule={"name": "stop", "watch": "fraction", "above": 0.7})
    change(steering, action="set", rule={"name": "new", "watch": "appears"})
    again = started([*CONFIGURED, rule_from({"name": "later", "watch": "vanishes"})])
    assert [rule.name for rule in again.rules] == ["stop", "later", "new"]
    assert again.rules[0].above == 0.7
    change(again, action="set", rule={"name": "go", "watch": "appears"})
    assert "go" in [rule.name for rule in started().rules], "set again, it is no longer removed"


POINT = {"series": None, "y_px": None, "x_px": None, "stage_m": [1e-9, 2e-9]}
PERCENT = {"name": "late", "watch": "fraction", "above": 50}


@pytest.mark.parametrize(
    ("part", "why", "points", "rules"),
    [
        ({"rules": {"set": [PERCENT], "removed": ["go"]}}, "rules .* 'late' is not", 1, 2),
        ({"visited": [{"series": 1}]}, "visited points .* no sense", 0, 1),
        ({"rules": 7, "visited": 7}, "visited points .* no sense", 0, 2),
    ],
)
def test_a_part_that_makes_no_sense_costs_that_part_alone(
    started, faults, tmp_path, part, why, points, rules
):
    good = {
        "identities": {"looks": "some"},
        "visited": [POINT],
        "rules": {"set": [], "removed": ["go"]},
    }
    write_state(tmp_path / "s.state", good | part)
    steering = started()
    assert (len(steering.visited(LIST)["points"]), len(steering.rules)) == (points, rules)
    assert read_state(tmp_path / "s.state")["identities"] == good["identities"]
    (aside,) = tmp_path.glob("s.state.unusable-*")
    assert {"identities", *part} <= set(read_state(aside))
    assert faults[0][0] == "state_refused"
    assert re.search(why, faults[0][1])
    told = steering.figures()["state_file"]["refused"]
    assert told == [message for _, message in faults], "who asks later is told too"
