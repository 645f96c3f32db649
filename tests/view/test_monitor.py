import pytest

from contract_messages import accounting, community, drop, heartbeat, packed, result
from scopeside.client.result import Result
from scopeside.view.monitor import RATE_WINDOW_S, TREND_FRAMES, Monitor


def received(frame, **changes):
    return Result.from_bytes(packed(result(frame, **changes)))


def test_nothing_heard_is_shown_as_nothing():
    snapshot = Monitor().snapshot(now_s=100.0)
    assert (snapshot.state, snapshot.frame, snapshot.results, snapshot.rate_hz) == (
        None,
        None,
        0,
        0,
    )
    assert snapshot.communities == ()
    assert snapshot.accounting is None


def test_the_rate_counts_intervals_of_the_last_seconds():
    monitor = Monitor()
    for frame in range(5):
        monitor.result(received(frame), now_s=100.0 + 0.25 * frame)
    assert monitor.snapshot(now_s=101.0).rate_hz == pytest.approx(4.0)
    assert monitor.snapshot(now_s=101.0 + RATE_WINDOW_S + 1).rate_hz == 0.0


def test_communities_come_largest_first_with_their_trend():
    monitor = Monitor()
    for frame in range(30):
        grown = 0.01 * frame
        entries = [community(1, fraction=0.7 - grown), community(2, fraction=0.3 + grown)]
        monitor.result(received(frame, communities=entries), now_s=float(frame))
    first, second = monitor.snapshot(now_s=30.0).communities
    assert (first.id, second.id) == (2, 1)
    assert first.trend == pytest.approx(0.01 * TREND_FRAMES)
    assert second.trend == pytest.approx(-0.01 * TREND_FRAMES)


def test_a_new_series_starts_its_trends_anew():
    monitor = Monitor()
    monitor.result(received(0, communities=[community(1, fraction=0.9)]), now_s=0.0)
    monitor.result(received(0, series="b", communities=[community(1, fraction=0.2)]), now_s=1.0)
    assert monitor.snapshot(now_s=1.0).communities[0].trend == 0.0


def test_the_state_comes_from_heartbeats_and_grows_stale():
    monitor = Monitor()
    monitor.event(heartbeat("paused", uptime_s=7.0), now_s=10.0)
    assert monitor.snapshot(now_s=11.0).state == "paused"
    assert monitor.snapshot(now_s=11.0).uptime_s == 7.0
    assert monitor.snapshot(now_s=20.0).state is None


def test_books_and_latency_are_those_of_the_results():
    monitor = Monitor()
    books = accounting(4, dropped={"overload": 2}, missing=1)
    monitor.result(received(3, accounting=books, service_s=0.125), now_s=0.0)
    snapshot = monitor.snapshot(now_s=0.0)
    assert snapshot.accounting.dropped == {"overload": 2}
    assert snapshot.totals["service"].p50_s == 0.125
    assert list(snapshot.stages) == ["preprocess", "embed"]
    assert snapshot.resolution == 0.5


def test_the_last_error_is_kept():
    monitor = Monitor()
    monitor.event({"kind": "error", "code": "x", "message": "the disk is full"}, now_s=0.0)
    monitor.event({"kind": "novel"}, now_s=0.0)
    assert monitor.snapshot(now_s=0.0).last_error == "the disk is full"


def test_the_last_alarm_is_told_with_what_set_it_off():
    monitor = Monitor()
    alarm = {"kind": "alarm", "rule": "stop", "watch": "fraction", "figure": None, "frame": 7}
    monitor.event(alarm | {"community": 2, "name": "amorphous", "value": 0.51234}, now_s=0.0)
    assert (
        monitor.snapshot(now_s=0.0).last_alarm
        == "'stop': fraction of 'amorphous' is 0.5123, frame 7"
    )
    lost = {"kind": "alarm", "rule": "lost", "watch": "drops", "figure": "count", "frame": None}
    monitor.event(lost | {"value": 4.0}, now_s=1.0)
    assert monitor.snapshot(now_s=1.0).last_alarm == "'lost': count is 4"


def test_heartbeats_tell_the_books_where_no_result_does():
    monitor = Monitor()
    monitor.event(heartbeat(totals=accounting(0, dropped={"bad_dtype": 20})), now_s=0.0)
    snapshot = monitor.snapshot(now_s=0.0)
    assert snapshot.accounting is None
    assert snapshot.service_books.dropped == {"bad_dtype": 20}


@pytest.mark.parametrize("totals", [None, 3, {}, {"received": 1, "dropped": []}])
def test_a_heartbeat_without_books_still_says_that_the_service_lives(totals):
    monitor = Monitor()
    monitor.event(heartbeat(totals=accounting(1, missing=2)), now_s=0.0)
    monitor.event(heartbeat("paused") | {"totals": totals}, now_s=1.0)
    snapshot = monitor.snapshot(now_s=1.0)
    assert snapshot.state == "paused"
    assert snapshot.service_books.missing == 2


def test_drops_are_resultless_where_no_result_came_since_the_heartbeat_before():
    def beat(stale):
        monitor.event(heartbeat(totals=accounting(1, dropped={"stale": stale})), now_s=0.0)
        return monitor.snapshot(now_s=0.0).resultless_drops

    monitor = Monitor()
    assert beat(0) == 0
    assert beat(2) == 1
    assert beat(2) == 1
    monitor.result(received(0), now_s=0.0)
    assert beat(3) == 1
    assert beat(4) == 2
    assert beat(0) == 2  # the service was started anew
    assert beat(1) == 3


def test_the_last_drop_is_told_with_whose_it_was():
    monitor = Monitor()
    assert monitor.snapshot(now_s=0.0).last_drop is None
    monitor.event(drop("deadline", "It was late."), now_s=0.0)
    assert (
        monitor.snapshot(now_s=0.0).last_drop == "deadline, series 'run-1', frame 7: It was late."
    )
    monitor.event(drop("bad_topic", "Topic b'x'.", series=None, frame=None), now_s=0.0)
    assert monitor.snapshot(now_s=0.0).last_drop == "bad_topic: Topic b'x'."


def test_a_replaced_frame_does_not_hide_a_drop_that_needs_a_fix():
    monitor = Monitor()
    for reason, shown in (
        ("overload", "overload"),
        ("bad_dtype", "bad_dtype"),
        ("overload", "bad_dtype"),
        ("stale", "stale"),
    ):
        monitor.event(drop(reason), now_s=0.0)
        assert monitor.snapshot(now_s=0.0).last_drop.startswith(shown)
