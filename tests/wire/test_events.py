"""Events: every kind goes out and comes back, and nothing else passes for one."""

from __future__ import annotations

import msgpack
import pytest

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
