"""Events: every kind goes out and comes back, and nothing else passes for one."""

from __future__ import annotations

from dataclasses import replace

import msgpack
import pytest

from example_segmentation import FRONT, segmentation
from scopeside.errors import DropError, DropReason
from scopeside.messages import Accounting
from scopeside.wire import events

BOOKS = Accounting(received=5, segmented=2, missing=1, duplicate=1, dropped={"stale": 2})


def test_every_kind_comes_back_as_it_was() -> None:
    made = [
        events.heartbeat(state="ready", uptime_s=2.0, queue=1, rate_hz=3.5, totals=BOOKS),
        events.series_started("s"),
        events.series_ended("s", BOOKS, why="overtaken"),
        events.dropped(DropReason.STALE, "It is late.", series="s", frame=4, count=2),
        events.community("appeared", series="s", frame=4, id=3),
        events.error("connection_cut", "It was cut."),
    ]
    assert [event["kind"] for event in made] == [
        "heartbeat",
        "series",
        "series",
        "drop",
        "community",
        "error",
    ]
    for event in made:
        assert events.decode_event(events.encode_event(event)) == event
        assert event["v"] == 1
        assert event["t_ns"] > 0


def test_an_observation_has_the_figures_of_its_frame_and_no_maps() -> None:
    made = segmentation(dose_e_per_m2=2e24)
    described = replace(made.communities[0], descriptors={"contrast": 0.25, "spacing_px": None})
    made = replace(made, communities=(described,), fronts=(FRONT,))
    event = events.decode_event(events.encode_event(events.observation(made)))
    assert (event["kind"], event["series"], event["frame"]) == ("observation", "s", 9)
    assert (event["exposed_ns"], event["dose_e_per_m2"]) == (1_000, 2e24)
    assert event["communities"] == [
        {"id": 2, "name": "amorphous", "fraction": 0.5, "contrast": 0.25, "spacing_px": None}
    ]
    assert [front["between"] for front in event["fronts"]] == [[2, 5]]
    assert len(events.encode_event(event)) < 500


def test_ended_series_carries_its_final_books() -> None:
    ended = events.series_ended("s", BOOKS, why="end")
    assert ended["accounting"] == {
        "received": 5,
        "segmented": 2,
        "missing": 1,
        "duplicate": 1,
        "in_flight": 0,
        "dropped": {"stale": 2},
    }


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"\xc1", DropReason.BAD_HEADER),
        (msgpack.packb([1]), DropReason.BAD_HEADER),
        (msgpack.packb({"v": 1}), DropReason.BAD_HEADER),
        (msgpack.packb({"v": 2, "kind": "heartbeat"}), DropReason.BAD_VERSION),
    ],
)
def test_what_is_no_event_is_refused(message: bytes, reason: DropReason) -> None:
    with pytest.raises(DropError) as caught:
        events.decode_event(message)
    assert caught.value.reason is reason
