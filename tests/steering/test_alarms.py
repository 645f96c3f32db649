"""Rules on drawn label maps: what fires, when, and with which evidence."""

from dataclasses import fields, replace

import numpy as np
import pytest

from scopeside.errors import ConfigError
from scopeside.messages import Accounting, Front
from scopeside.rule_settings import MOST_RULES, DescriptorRule, FrontRule, rule_from
from scopeside.stages.descriptors import describe
from scopeside.steering.alarms import Alarms
from steering_samples import halves, sample


class Bench:
    """Alarms with a clock and books that a test turns."""

    def __init__(self, *rules):
        self.events, self.faults = [], []
        self.now_s = 0.0
        self.books = Accounting()
        self.alarms = Alarms(
            [rule_from({"name": f"r{at}"} | rule) for at, rule in enumerate(rules)],
            emit=self.events.append,
            fault=lambda code, message: self.faults.append((code, message)),
            totals=lambda: self.books,
            now_s=lambda: self.now_s,
        )
        self.number = -1

    def frame(self, labels_YX, *, service_s=0.25, **options):
        """Show the next frame; return what it sets off."""
        self.number += 1
        before = len(self.events)
        self.alarms.observe(
            sample(labels_YX, number=self.number, received_s=self.now_s - service_s, **options)
        )
        self.now_s += 1.0
        return self.events[before:]

    def beat(self, waiting_s=None):
        before = len(self.events)
        self.alarms.beat(waiting_s)
        self.now_s += 1.0
        return self.events[before:]


NAMES = {1: "crystal", 2: "amorphous"}


def test_a_fraction_that_reaches_its_value_is_told_with_the_evidence():
    bench = Bench({"watch": "fraction", "community": "amorphous", "above": 0.5, "for_frames": 2})
    assert bench.frame(halves(split=20), names=NAMES) == []
    assert bench.frame(halves(split=12), names=NAMES) == []
    (event,) = bench.frame(halves(split=8), names=NAMES, received_ns=77)
    assert event.pop("t_ns") > 0
    assert event == {
        "v": 1,
        "kind": "alarm",
        "rule": "r0",
        "watch": "fraction",
        "figure": None,
        "series": "s",
        "frame": 2,
        "value": pytest.approx(2 / 3),
        "threshold": 0.5,
        "direction": "above",
        "community": 2,
        "name": "amorphous",
        "between": None,
        "since": {"frame": 1, "t_received_ns": 1_000},
        "t_received_ns": 77,
        "rule_latency_s": 0.25,
    }
    assert bench.frame(halves(split=4), names=NAMES) == []


def test_communities_of_one_name_are_counted_together():
    bench = Bench({"watch": "fraction", "community": "amorphous", "above": 0.5})
    labels_YX = halves(split=14)
    labels_YX[:, 20:] = 3
    (event,) = bench.frame(halves(split=6), names={1: "crystal", 2: "amorphous", 3: "amorphous"})
    assert event["value"] == pytest.approx(18 / 24)
    assert bench.frame(labels_YX, names={2: "amorphous", 3: "amorphous"}) == []


def test_a_community_that_is_gone_has_no_fraction_left():
    bench = Bench({"watch": "fraction", "community": 2, "below": 0.1})
    assert bench.frame(np.ones((8, 8))) == [], "it was never there"
    assert bench.frame(halves()) == []
    (event,) = bench.frame(np.ones((8, 8)))
    assert (event["community"], event["value"]) == (2, 0.0)


def test_a_name_that_is_taken_away_is_no_community_that_is_gone():
    bench = Bench(
        {"watch": "fraction", "community": "amorphous", "below": 0.1},
        {"watch": "vanishes", "community": "amorphous"},
    )
    assert bench.frame(halves(), names=NAMES) == []
    assert bench.frame(halves(), names=NAMES | {2: "glass"}) == []
    assert bench.frame(np.ones((8, 8)), vanished=(2,), names=NAMES) == []
    assert bench.frame(halves(), appeared=(2,), names=NAMES) == []
    told = bench.frame(np.ones((8, 8)), vanished=(2,), names=NAMES)
    assert [event["rule"] for event in told] == ["r0", "r1"], "now it is gone"


def test_without_a_community_each_is_followed_by_itself():
    bench = Bench({"watch": "confidence", "below": 0.5})
    confidence_YX = np.full((16, 24), 200, np.uint8)
    assert bench.frame(halves(), confidence_YX=confidence_YX) == []
    confidence_YX[:, 12:] = 100
    (event,) = bench.frame(halves(), confidence_YX=confidence_YX)
    assert (event["community"], event["value"]) == (2, pytest.approx(100 / 255))
    confidence_YX[:, :12] = 100
    assert [event["community"] for event in bench.frame(halves(), confidence_YX=confidence_YX)] == [
        1
    ]


def test_who_appears_later_is_told_and_who_was_there_from_the_beginning_is_not():
    bench = Bench({"watch": "appears"}, {"watch": "appears", "community": "amorphous"})
    assert bench.frame(np.ones((8, 8)), appeared=(1,), names=NAMES) == []
    told = bench.frame(halves(), appeared=(2,), names=NAMES)
    assert [(event["rule"], event["community"]) for event in told] == [("r0", 2), ("r1", 2)]
    assert bench.frame(halves(), names=NAMES) == []
    assert bench.frame(halves(), series="next", appeared=(1, 2)) == []


def test_who_is_missed_for_a_frame_has_not_vanished():
    bench = Bench({"watch": "vanishes"}, {"watch": "vanishes", "community": "amorphous"})
    bench.frame(halves(), names=NAMES)
    assert bench.frame(np.ones((8, 8)), names=NAMES) == []
    told = bench.frame(np.ones((8, 8)), vanished=(2,), names=NAMES)
    assert [(event["rule"], event["community"]) for event in told] == [("r0", 2), ("r1", None)]
    assert told[1]["name"] == "amorphous"
    assert bench.frame(np.ones((8, 8)), names=NAMES) == []
    bench.frame(halves(), appeared=(2,), names=NAMES)
    assert len(bench.frame(np.ones((8, 8)), vanished=(2,), names=NAMES)) == 2


def test_descriptors_are_followed_where_they_are_measured():
    bench = Bench({"watch": "descriptor", "figure": "crystallinity", "community": 1, "below": 0.4})
    for value in (0.6, None, 0.5):
        assert bench.frame(halves(), descriptors={1: {"crystallinity": value}}) == []
    (event,) = bench.frame(halves(), descriptors={1: {"crystallinity": 0.3}})
    assert (event["figure"], event["value"]) == ("crystallinity", 0.3)
    assert bench.frame(halves()) == [], "a descriptor that nobody measures sets nothing off"


FRONT = Front(
    between=(1, 2),
    y_px=7.5,
    x_px=10.0,
    position_px=10.0,
    position_m=None,
    speed_px_per_s=None,
    speed_m_per_s=None,
    speed_px_per_frame=None,
    roughness_px=0.0,
    length_px=16.0,
    normal=(0.0, 1.0),
)


def test_a_front_that_passes_a_line_is_told_with_both_its_sides():
    bench = Bench(
        {"watch": "front", "between": [1, "amorphous"], "crosses": 12.0},
        {"watch": "front", "figure": "speed_px_per_s", "above": 2.0},
        {"watch": "front", "between": [1, 3], "crosses": 12.0},
    )
    assert bench.frame(halves(), fronts=[FRONT], names=NAMES) == []
    faster = replace(FRONT, position_px=13.0, speed_px_per_s=3.0)
    told = bench.frame(halves(), fronts=[faster], names=NAMES)
    assert [(event["rule"], event["between"], event["value"]) for event in told] == [
        ("r0", (1, 2), 13.0),
        ("r1", (1, 2), 3.0),
    ]
    assert bench.frame(halves(), names=NAMES) == [], "a front that is gone crosses nothing"
    (back,) = bench.frame(halves(), fronts=[FRONT], names=NAMES)
    assert (back["rule"], back["direction"]) == ("r0", "below")


def test_latency_is_told_of_frames_and_of_one_that_is_not_done():
    bench = Bench({"watch": "latency", "above": 0.5})
    assert bench.frame(halves(), service_s=0.4) == []
    (slow,) = bench.frame(halves(), service_s=0.6)
    assert (slow["value"], slow["community"]) == (pytest.approx(0.6), None)
    assert bench.beat(waiting_s=0.9) == [], "it was told already"
    assert bench.beat(waiting_s=0.1) == []
    assert bench.beat(waiting_s=0.9) == [], "a frame that is young was not fast yet"
    assert bench.frame(halves(), service_s=0.1) == []
    (stalled,) = bench.beat(waiting_s=0.8)
    assert (stalled["value"], stalled["frame"], stalled["rule_latency_s"]) == (0.8, None, None)


def test_drops_are_told_while_nothing_is_segmented():
    bench = Bench(
        {"watch": "drops", "above": 3, "window_s": 2.5},
        {"watch": "drops", "figure": "share", "above": 0.5, "window_s": 2.5},
    )
    bench.books = Accounting(received=10, segmented=10)
    for _ in range(3):
        assert bench.beat() == []
    bench.books = Accounting(received=12, segmented=10, dropped={"overload": 1, "compute": 1})
    (share,) = bench.beat()
    assert (share["rule"], share["value"]) == ("r1", 1.0)
    bench.books = Accounting(received=13, segmented=10, dropped={"overload": 2, "compute": 1})
    (count,) = bench.beat()
    assert (count["rule"], count["value"], count["since"]) == ("r0", 3.0, None)
    for _ in range(4):
        assert bench.beat() == [], "they have left the window"
    bench.books = Accounting(received=16, segmented=10, dropped={"overload": 5, "compute": 1})
    assert [event["rule"] for event in bench.beat()] == ["r0", "r1"]


def test_rules_change_while_frames_come():
    bench = Bench()
    bench.frame(halves())
    rule = {"name": "late", "watch": "fraction", "above": 0.4}
    bench.alarms.set(rule_from(rule | {"repeat": False}))
    assert len(bench.frame(halves())) == 1
    assert bench.alarms.states() == {"late": {"fired": 1, "done": True, "value": 0.5}}
    bench.frame(halves(split=20))
    assert bench.frame(halves()) == [], "once is once"
    bench.alarms.set(rule_from(rule))
    assert len(bench.frame(halves())) == 2, "set again, it is armed anew, for either community"
    bench.alarms.remove("late")
    assert bench.frame(halves(split=4)) == []
    with pytest.raises(ConfigError, match="There is no rule 'late'; those in force: none"):
        bench.alarms.remove("late")


def test_there_are_only_so_many_rules():
    bench = Bench(*[{"watch": "appears"}] * MOST_RULES)
    with pytest.raises(ConfigError, match="remove one first"):
        bench.alarms.set(rule_from({"name": "one more", "watch": "appears"}))


def test_forgotten_identities_are_read_anew():
    bench = Bench({"watch": "fraction", "community": 1, "above": 0.4})
    assert len(bench.frame(halves())) == 1
    assert bench.frame(halves()) == []
    bench.alarms.forget()
    assert len(bench.frame(halves())) == 1


def test_a_rule_that_fails_costs_that_rule_alone():
    bench = Bench(
        {"watch": "descriptor", "figure": "contrast", "above": 0.5},
        {"watch": "fraction", "community": 1, "above": 0.1},
    )
    told = bench.frame(halves(), descriptors={1: {"contrast": "text"}})
    assert [event["rule"] for event in told] == ["r1"]
    ((code, message),) = bench.faults
    assert code == "rule_failed"
    assert "'r0' is out of force" in message
    assert [rule.name for rule in bench.alarms.rules] == ["r1"]


def test_a_front_is_followed_from_the_first_named_to_the_second():
    bench = Bench(
        {"watch": "front", "between": ["amorphous", "crystal"], "crosses": -12.0},
        {"watch": "front", "between": [2, 1], "figure": "speed_px_per_s", "above": 2.0},
        {"watch": "front", "between": [2, 1], "figure": "length_px", "above": 16.0},
    )
    backwards = replace(FRONT, position_px=13.0, speed_px_per_s=-3.0)
    told = bench.frame(halves(), fronts=[backwards], names=NAMES)
    assert [(event["rule"], event["value"]) for event in told] == [("r1", 3.0), ("r2", 16.0)]
    (event,) = bench.frame(halves(), fronts=[FRONT], names=NAMES)
    assert (event["rule"], event["value"], event["direction"]) == ("r0", -10.0, "above")


def test_a_line_of_the_frame_is_passed_whichever_way_the_front_faces():
    bench = Bench(
        {"watch": "front", "between": ["amorphous", "crystal"], "figure": "x_px", "crosses": 12.0},
        {"watch": "front", "between": ["crystal", "amorphous"], "figure": "x_px", "crosses": 12.0},
    )
    assert bench.frame(halves(), fronts=[FRONT], names=NAMES) == []
    turned = replace(FRONT, x_px=11.0, position_px=-40.0, normal=(-0.8, 0.6))
    assert bench.frame(halves(), fronts=[turned], names=NAMES) == []
    told = bench.frame(halves(), fronts=[replace(turned, x_px=12.5)], names=NAMES)
    assert [(one["rule"], one["value"], one["direction"]) for one in told] == [
        ("r0", 12.5, "above"),
        ("r1", 12.5, "above"),
    ]


def test_descriptors_that_rules_watch_are_those_that_are_measured():
    assert set(DescriptorRule.model_fields["figure"].annotation.__args__) == set(describe.NAMES)


def test_figures_of_fronts_that_rules_watch_are_those_of_fronts():
    figures = set(FrontRule.model_fields["figure"].annotation.__args__)
    assert figures == {field.name for field in fields(Front)} - {"between", "normal"}


def test_a_rule_says_what_it_reads_or_that_it_reads_nothing():
    bench = Bench(
        {"watch": "fraction", "community": "amorphuos", "above": 0.5},
        {"watch": "fraction", "community": 2, "above": 0.9},
    )
    bench.frame(halves(), names=NAMES)
    values = {name: state["value"] for name, state in bench.alarms.states().items()}
    assert values == {"r0": None, "r1": 0.5}
