"""What the web process gathers from events and answers."""

import json

from scopeside.errors import DropReason
from scopeside.messages import Accounting
from scopeside.web.history import Cursor
from scopeside.web.known import EVENTS, Known
from scopeside.wire.events import dropped, error, heartbeat, series_ended, series_started

ALL = (Cursor(0, 0), Cursor(0, 0), 0)


class Clock:
    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s


def beat(received=0, *, uptime_s=10.0, state="ready", **dropped):
    books = Accounting(received=received, segmented=received, dropped=dropped)
    return heartbeat(state=state, uptime_s=uptime_s, queue=0, rate_hz=2.0, totals=books)


def result(series="film", frame=0, **more):
    return {
        "series": series,
        "frame": frame,
        "communities": [{"id": 1, "name": None, "fraction": 0.25}],
        "timing": {"t_received_ns": 10**9 * frame, "service_s": 0.1},
        "accounting": {"segmented": frame + 1},
        **more,
    }


def test_waiting_is_counted_from_the_last_frame_and_not_from_the_last_word():
    clock = Clock()
    known = Known(clock)
    for second in range(30):
        clock.now_s = float(second)
        known.hear(beat(received=min(second, 5)))
    assert known.told(*ALL)["words"]["text"].endswith("for 24 s.")


def test_drops_are_judged_over_the_last_seconds_and_not_over_the_run():
    known = Known()
    known.hear(beat(received=0))
    known.hear(beat(received=100, overload=50))
    assert known.flow.lost == 0.5
    for received in range(101, 120):
        known.hear(beat(received=received, overload=50))
    assert known.flow.lost == 0.0


def test_another_service_begins_books_of_its_own():
    known = Known()
    known.hear(beat(received=500, uptime_s=900.0))
    known.hear(beat(received=3, uptime_s=1.0))
    known.hear(beat(received=5, uptime_s=2.0))
    assert known.flow.received == 2


def test_fractions_are_of_one_series():
    known = Known()
    for frame in range(3):
        known.see(result(frame=frame))
    known.see(result("next", frame=0))
    assert [point["frame"] for point in known.told(*ALL)["frames"]["points"]] == [0]


def test_fronts_and_dose_are_kept_where_the_service_knows_them():
    known = Known()
    fronts = [
        {"between": [1, 2], "y_px": 9.0, "x_px": 17.5, "normal": [0.6, 0.8]},
        {"between": [2, 3], "y_px": 40.0, "x_px": 3.0, "normal": [-0.99, 0.1]},
    ]
    known.see(result(dose_e_per_m2=3e22, fronts=fronts))
    (point,) = known.told(*ALL)["frames"]["points"]
    assert point["dose"] == 3e22
    # As an eye sees it: further right, or further down, is more.
    assert point["fronts"] == [{"between": [1, 2], "px": 17.5}, {"between": [2, 3], "px": 40.0}]


def test_events_are_told_once_and_overload_not_at_all():
    known = Known()
    known.hear(dropped(DropReason.OVERLOAD, "newer", series="s", frame=1))
    known.hear(error("connection_cut", "The connection was cut."))
    told = known.told(*ALL)
    assert [event["kind"] for event in told["events"]] == ["error"]
    assert known.told(Cursor(0, 0), Cursor(0, 0), told["event"])["events"] == []
    for _ in range(2 * EVENTS):
        known.hear(error("connection_cut", "Again."))
    assert len(known.told(*ALL)["events"]) == EVENTS


def test_series_are_listed_newest_first_with_their_books():
    known = Known()
    known.hear(series_started("one"))
    known.hear(series_ended("one", Accounting(received=4, segmented=4), why="end"))
    known.hear(series_started("two"))
    known.see(result("two", frame=6))
    two, one = known.told(*ALL)["series"]
    assert (two["series"], two["accounting"]) == ("two", {"segmented": 7})
    assert (one["why"], one["accounting"]["segmented"]) == ("end", 4)


def test_a_series_that_began_before_anybody_listened_is_listed_too():
    known = Known()
    known.see(result("film", frame=2))
    (entry,) = known.told(*ALL)["series"]
    assert (entry["series"], entry["began_ns"]) == ("film", 2 * 10**9)
    known.hear(series_ended("film", Accounting(received=3, segmented=3), why="end"))
    (entry,) = known.told(*ALL)["series"]
    assert entry["why"] == "end"


def test_a_new_name_is_shown_before_the_next_frame():
    known = Known()
    known.see(result())
    known.rename(1, "amorphous")
    assert known.result["communities"][0]["name"] == "amorphous"


def test_all_of_it_is_json():
    known = Known()
    known.hear(beat(received=1))
    known.hear(series_started("one"))
    known.hear({"kind": "alarm", "t_ns": 1, "rule": "r", "user": b"\x00"})
    known.see(result())
    json.dumps(known.told(*ALL))
