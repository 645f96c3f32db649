"""The command `targets` on label maps that are known."""

import numpy as np
import pytest

from scopeside.errors import ConfigError, ServiceError
from scopeside.steering.newest import Newest
from scopeside.steering.points import points_of
from scopeside.steering.visited import Visited
from scopeside.wire.control import Targets
from steering_samples import CHIP_PX, KnownIdentities, halves, sample

NM = 1e-9
KNOWN = KnownIdentities({1: "crystal", 2: "amorphous", 3: "amorphous", 4: None})


def ask(newest, visited=None, **fields):
    request = Targets(v=1, cmd="targets", **fields)
    return points_of(request, newest, visited or Visited(), KNOWN)


def showing(labels_YX, **options):
    newest = Newest()
    options.setdefault("names", {1: "crystal", 2: "amorphous", 3: "amorphous"})
    newest.put(sample(labels_YX, number=7, **options))
    return newest


def test_a_point_tells_all_that_the_contract_promises():
    newest = showing(halves(), pixel_to_stage=((NM, 0.0, 1e-6), (0.0, 2 * NM, 2e-6)))
    reply = ask(newest, community="crystal")
    (point,) = reply["points"]
    assert (reply["series"], reply["frame"]) == ("s", 7)
    y_px, x_px = point["y_px"], point["x_px"]
    assert point == {
        "community": 1,
        "name": "crystal",
        "y_px": y_px,
        "x_px": x_px,
        "stage_m": pytest.approx([1e-6 + x_px * NM, 2e-6 + 2 * y_px * NM]),
        "region": 1,
        "clearance_px": 6.0,
        "confidence": 1.0,
    }


def test_a_name_stands_for_all_that_have_it():
    labels_YX = np.ones((16, 24), np.uint16)
    labels_YX[:8, 8:], labels_YX[8:, 8:] = 2, 3
    points = ask(showing(labels_YX), community="amorphous", count=9, one_per_region=False)["points"]
    assert {point["community"] for point in points} == {2, 3}
    (deepest,) = ask(showing(labels_YX), community="amorphous")["points"]
    assert deepest["clearance_px"] == 8.0, "the two are one where they share a name"


def test_visited_points_are_left_out_by_a_chip_and_marked_when_asked():
    newest, visited = showing(halves()), Visited()
    options = {"community": 1, "avoid_visited": True, "mark_visited": True}
    first = ask(newest, visited, **options)["points"][0]
    second = ask(newest, visited, **options)["points"][0]
    apart = np.hypot(first["y_px"] - second["y_px"], first["x_px"] - second["x_px"])
    assert apart >= CHIP_PX
    assert [point.px for point in visited.points] == [
        (point["y_px"], point["x_px"]) for point in (first, second)
    ]


def test_novelty_leads_to_what_has_just_turned():
    newest = showing(halves(split=20))
    for number, split in enumerate((20, 20, 12)):
        newest.put(sample(halves(split=split), number=8 + number))
    (point,) = ask(newest, community=2, strategy="novelty")["points"]
    assert 12 <= point["x_px"] < 20


@pytest.mark.parametrize(
    ("fields", "error", "says"),
    [
        ({"community": 9}, ConfigError, "Community 9 is not known"),
        ({"community": "oxide"}, ConfigError, "No community is named 'oxide'"),
        ({"community": 4}, ServiceError, "Community 4 is not in frame 7 of series s"),
        ({"community": 1, "metres": True}, ServiceError, "came without pixel_to_stage"),
    ],
)
def test_what_cannot_be_answered_is_said(fields, error, says):
    with pytest.raises(error, match=says):
        ask(showing(halves()), **fields)


def test_before_the_first_frame_there_are_no_points():
    with pytest.raises(ServiceError, match="No frame was segmented yet"):
        ask(Newest(), community=1)
