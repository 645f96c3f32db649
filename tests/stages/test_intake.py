"""Intake: the decode path of the service, fed without a socket."""

from __future__ import annotations

from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostile_wire import CASES, SERIES, START
from scopeside.channels import Channel, Policy
from scopeside.errors import DropReason
from scopeside.messages import Channel as Detector
from scopeside.messages import Frame
from scopeside.settings import LimitSettings
from scopeside.stages import intake
from scopeside.stages.books import Books
from scopeside.stages.intake import Intake
from scopeside.wire.native import decode_message, encode_end, encode_frame, encode_start

SOON_S = 20.0


class Desk:
    """An intake with its channel, and everything it told."""

    def __init__(self, policy: Policy = "latest", capacity: int = 3) -> None:
        self.events: list[dict[str, Any]] = []
        self.frames: Channel[Frame] = Channel(name="frames", policy=policy, capacity=capacity)
        self.books = Books()
        self.intake = Intake(
            limits=LimitSettings(),
            frames=self.frames,
            books=self.books,
            emit=self.events.append,
            same_host=False,
        )

    def feed(self, parts: Any) -> None:
        self.intake.feed(parts, at_ns=10, at_s=0.5)

    def compute(self) -> Frame:
        frame = self.frames.get(timeout_s=0.0)
        self.books.segmented(frame.series)
        self.intake.published(frame.series)
        return frame

    def drops(self) -> dict[str, int]:
        return dict(self.books.totals().dropped)


def start(series: str = "s", **more: Any) -> Any:
    return encode_start(series=series, t_ns=1, **more)


def frame(number: int, series: str = "s", **more: Any) -> Any:
    image_YX = np.full((4, 6), number % 2**16, "<u2")
    channels = [Detector(name="haadf", values=image_YX)]
    return encode_frame(series=series, number=number, t_ns=1, channels=channels, **more)


def damaged(number: int, series: str) -> Any:
    return [*frame(number, series)[:2], b"short"]


def end(series: str = "s", **more: Any) -> Any:
    return encode_end(series=series, t_ns=1, **more)


def test_frame_comes_out_as_it_went_in() -> None:
    desk = Desk()
    desk.feed(start(pixel_size_m=(1e-10, 1e-10)))
    desk.feed(frame(0, user={"dose": 3}, stage={"x_m": 1e-6}))
    got = desk.compute()
    assert (got.series, got.number, got.received_ns, got.received_s) == ("s", 0, 10, 0.5)
    assert got.shape == (4, 6)
    assert got.pixel_size_m == (1e-10, 1e-10)
    assert (got.user, got.stage) == ({"dose": 3}, {"x_m": 1e-6})


def test_calibration_of_the_frame_counts_before_that_of_its_start() -> None:
    desk = Desk()
    desk.feed(start(pixel_size_m=(1e-10, 1e-10)))
    desk.feed(frame(0, pixel_size_m=(3e-10, 3e-10)))
    assert desk.compute().pixel_size_m == (3e-10, 3e-10)


def test_latest_replaces_what_was_not_started_and_counts_overload() -> None:
    desk = Desk("latest")
    for number in range(5):
        desk.feed(frame(number))
    assert desk.compute().number == 4
    assert desk.drops() == {"overload": 4}
    assert desk.books.totals().in_flight == 0


def test_deadline_keeps_the_newest_that_fit() -> None:
    desk = Desk("deadline", capacity=2)
    for number in range(5):
        desk.feed(frame(number))
    assert [desk.compute().number, desk.compute().number] == [3, 4]
    assert desk.drops() == {"overload": 3}


def test_lossless_keeps_every_frame() -> None:
    desk = Desk("lossless", capacity=3)
    for number in range(3):
        desk.feed(frame(number))
    assert [desk.compute().number for _ in range(3)] == [0, 1, 2]
    assert desk.drops() == {}


def test_paused_intake_drops_and_a_resumed_one_takes() -> None:
    desk = Desk("latest")
    desk.intake.pause()
    desk.feed(frame(0))
    assert desk.intake.paused
    assert desk.frames.statistics().waiting == 0
    desk.intake.resume()
    desk.feed(frame(1))
    assert desk.compute().number == 1
    assert desk.drops() == {"overload": 1}
    assert desk.books.snapshot("s").missing == 0


def test_frames_of_a_series_that_is_over_are_stale() -> None:
    desk = Desk()
    desk.feed(frame(0))
    desk.compute()
    desk.feed(end(frames=2))
    desk.feed(frame(1))
    desk.feed(start())
    assert desk.drops() == {"stale": 2}
    ended = [event for event in desk.events if event.get("event") == "ended"]
    assert [event["series"] for event in ended] == ["s"]
    assert ended[0]["accounting"]["missing"] == 1


def test_late_frame_is_dropped_and_its_gap_closed() -> None:
    desk = Desk("lossless", capacity=9)
    for number in (0, 2, 1, 3, 3):
        desk.feed(frame(number))
    books = desk.books.snapshot("s")
    assert (books.missing, books.duplicate, dict(books.dropped)) == (0, 1, {"out_of_order": 1})
    assert [desk.compute().number for _ in range(3)] == [0, 2, 3]


@pytest.mark.parametrize("series", ["s", SERIES])
def test_hostile_messages_are_counted_by_reason_and_good_frames_go_on(series: str) -> None:
    desk = Desk("latest")
    bad = [case for case in CASES if case.reason is not None]
    for number, case in enumerate(bad):
        desk.feed(case.parts)
        desk.feed(frame(number, series))
        assert desk.compute().number == number
    expected: dict[str, int] = {}
    for case in bad:
        assert case.reason is not None
        expected[case.reason.value] = expected.get(case.reason.value, 0) + 1
    assert desk.drops() == expected
    assert desk.books.totals().segmented == len(bad)
    assert desk.books.totals().missing == 0
    assert (dict(desk.books.snapshot(series).dropped) == {}) is (series != SERIES)


def test_a_damaged_frame_that_is_sent_again_is_computed() -> None:
    desk = Desk("lossless", capacity=9)
    desk.feed(frame(0))
    desk.feed(damaged(1, "s"))
    for number in (1, 2, 2):
        desk.feed(frame(number))
    assert [desk.compute().number for _ in range(3)] == [0, 1, 2]
    books = desk.books.snapshot("s")
    assert (books.missing, books.duplicate, dict(books.dropped)) == (0, 1, {"bad_payload": 1})


def test_broken_start_neither_opens_nor_overtakes_a_series() -> None:
    desk = Desk()
    desk.feed(frame(0))
    desk.feed([START, b"\xc1"])
    desk.feed([*start("other"), b"payload"])
    assert desk.intake.gate.current == "s"
    assert desk.drops() == {"bad_header": 1, "bad_payload": 1}


def test_drop_event_says_what_and_whose() -> None:
    desk = Desk()
    desk.feed(frame(0))
    desk.feed(damaged(1, "s"))
    told = [event for event in desk.events if event["kind"] == "drop"]
    assert [(one["reason"], one["series"], one["frame"], one["count"]) for one in told] == [
        ("bad_payload", "s", 1, 1)
    ]


class SlowDecoder:
    """Decodes as ever, but only when the gate is open; the message may be of any kind."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.entered, self.gate = Event(), Event()
        monkeypatch.setattr(intake, "decode_message", self._decoded)

    def _decoded(self, parts: Any, limits: LimitSettings) -> Any:
        self.entered.set()
        assert self.gate.wait(SOON_S)
        return decode_message(parts, limits)


@pytest.mark.parametrize("parts", [frame(1), damaged(1, "s"), start("t"), end()])
def test_what_is_still_being_decoded_when_it_is_given_up_is_counted_once(
    parts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk("lossless")
    desk.feed(frame(0))
    desk.compute()
    slow = SlowDecoder(monkeypatch)
    feeding = Thread(target=desk.feed, args=(parts,))
    feeding.start()
    assert slow.entered.wait(SOON_S)
    desk.frames.close()
    for _ in range(2):
        desk.intake.give_up()
    slow.gate.set()
    feeding.join(SOON_S)
    totals = desk.books.totals()
    assert (totals.received, totals.segmented, totals.in_flight) == (2, 1, 0)
    assert dict(totals.dropped) == {"deadline": 1}
    assert desk.intake.gate.current == "s"
    told = [event for event in desk.events if event["kind"] == "drop"]
    assert [(event["reason"], event["count"]) for event in told] == [("deadline", 1)]


def test_a_frame_that_comes_after_its_channel_closed_is_dropped_and_counted() -> None:
    desk = Desk("lossless")
    desk.feed(frame(0))
    desk.compute()
    desk.frames.close()
    desk.feed(frame(1))
    desk.intake.give_up()
    books = desk.books.snapshot("s")
    assert (books.received, books.in_flight, dict(books.dropped)) == (2, 0, {"deadline": 1})


def test_finish_ends_the_open_series_and_tells_what_was_summed_up() -> None:
    desk = Desk()
    for number in range(4):
        desk.feed(frame(number))
    desk.compute()
    desk.intake.finish()
    drops = [event for event in desk.events if event["kind"] == "drop"]
    assert sum(event["count"] for event in drops) == 3
    assert desk.events[-1]["kind"] == "drop"
    assert [event["why"] for event in desk.events if event.get("event") == "ended"] == ["stopped"]


messages = st.lists(
    st.one_of(
        st.builds(start, st.sampled_from("ab")),
        st.builds(frame, st.integers(0, 8), st.sampled_from("ab")),
        st.builds(frame, st.integers(0, 2**63 - 1), st.sampled_from("ab")),
        st.builds(damaged, st.integers(0, 2**63 - 1) | st.integers(0, 8), st.sampled_from("ab")),
        st.builds(end, st.sampled_from("ab"), frames=st.none() | st.integers(0, 9)),
        st.sampled_from([case.parts for case in CASES]),
        st.just("compute"),
        st.just("drop"),
        st.just("pause"),
        st.just("resume"),
    ),
    max_size=40,
)


@given(messages, st.sampled_from(["latest", "deadline", "lossless"]))
def test_any_stream_keeps_the_books_balanced(stream: list[Any], policy: Policy) -> None:
    desk = Desk(policy, capacity=40 if policy == "lossless" else 2)
    computed = 0
    for step in stream:
        waiting = desk.frames.statistics().waiting
        if step in ("pause", "resume"):
            getattr(desk.intake, step)()
        elif step == "compute":
            computed += waiting > 0 and desk.compute() is not None
        elif step == "drop":
            if waiting:
                late = desk.frames.get(timeout_s=0.0)
                assert desk.intake.drop(late, DropReason.COMPUTE, "It failed.").balanced
        else:
            desk.feed(step)
        totals = desk.books.totals()
        assert totals.balanced
        assert totals.in_flight == desk.frames.statistics().waiting
        assert totals.segmented == computed
    while desk.frames.statistics().waiting:
        desk.compute()
    desk.intake.finish()
    totals = desk.books.totals()
    assert totals.received == totals.segmented + sum(totals.dropped.values()) + totals.duplicate
    told = [event for event in desk.events if event["kind"] == "drop"]
    assert sum(event["count"] for event in told) == sum(totals.dropped.values())
