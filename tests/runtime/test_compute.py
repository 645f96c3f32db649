"""The compute thread's work, with a pipeline that does as the test says."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import numpy as np
import pytest

from scopeside.assembly import still_frame
from scopeside.channels import Channel
from scopeside.errors import (
    ConfigError,
    DeviceLostError,
    DropError,
    DropReason,
    ServiceError,
)
from scopeside.runtime import compute
from scopeside.runtime.compute import Compute
from scopeside.settings import Settings
from scopeside.testing.fakes import ListSink

SOON_S = 20.0


@dataclass
class Tracker:
    """Knows some ids."""

    ids: set = field(default_factory=lambda: {3})

    def knows(self, id_):
        return id_ in self.ids

    def set_name(self, id_, name):
        return id_ in self.ids


@dataclass
class Pipeline:
    """Answers with the frame itself; fails on the frames that `faults` names; waits at a gate."""

    faults: dict = field(default_factory=dict)
    replanned: tuple = ()
    spend: Callable[[], None] = lambda: None
    log: list = field(default_factory=list)
    recovered: int = 0
    gate: threading.Event = field(default_factory=threading.Event)
    entered: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self):
        self.gate.set()

    tracker: Tracker = field(default_factory=Tracker)
    lanes: int = 1
    begun: list = field(default_factory=list)
    cannot_begin: tuple = ()

    def begin(self, frame):
        if frame.number in self.cannot_begin:
            raise RuntimeError(f"{frame.number} cannot begin")
        self.begun.append(frame.number)
        return frame

    def recover(self):
        self.recovered += 1

    def finish(self, frame):
        self.log.append(frame.number)
        self.entered.set()
        assert self.gate.wait(SOON_S)
        self.spend()
        if frame.number in self.faults:
            raise self.faults[frame.number]
        return SimpleNamespace(frame=frame, replanned=frame.number in self.replanned)

    def apply(self, settings, *, config_hash):
        self.log.append(config_hash)

    def reset(self):
        self.log.append("reset")

    @property
    def memory(self):
        return self

    def keep_reference(self):
        if not self.log:
            raise ConfigError("No frame was segmented yet.")
        self.log.append("reference")
        return (1, 2)


class Bench:
    """A Compute with its channel, sink and a list of what it dropped."""

    def __init__(self, pipeline, *, deadline_s=None, results=None):
        self.pipeline = pipeline
        self.frames = Channel(name="frames", policy="lossless", capacity=8)
        self.sink = results or ListSink()
        self.dropped = []
        self.compute = Compute(
            pipeline,
            frames=self.frames,
            results=self.sink,
            drop=lambda frame, reason, message: self.dropped.append(
                (frame.number, reason, message)
            ),
            deadline_s=deadline_s,
        )
        self.thread = threading.Thread(target=self.compute.run)

    def feed(self, *numbers, age_s=0.0):
        for number in numbers:
            self.frames.put(frame_of(number, age_s=age_s))

    def run(self):
        self.frames.close()
        self.compute.run()

    def end(self):
        self.thread.join(SOON_S)
        assert not self.thread.is_alive()

    @property
    def segmented(self):
        return [one.frame.number for one in self.sink.segmentations]


def asked(bench, ask):
    """Ask for something in a thread of its own; return that once the compute thread has to do it.

    Whoever asks waits for the answer.
    """
    asker = threading.Thread(target=ask)
    asker.start()
    until_s = time.monotonic() + SOON_S
    while not bench.compute._changes and time.monotonic() < until_s:
        time.sleep(0.001)
    return asker


def frame_of(number, *, age_s):
    frame = still_frame(np.zeros((4, 4), np.uint8), number=number)
    return replace(frame, received_s=compute.time.monotonic() - age_s)


class Clock:
    """Stands in for the module `time`: only a frame's computation lets time pass."""

    def __init__(self):
        self.now_s = 1000.0

    def monotonic(self):
        return self.now_s


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(compute, "time", clock)
    return clock


def test_frames_are_computed_in_order_until_the_channel_ends():
    bench = Bench(Pipeline())
    bench.feed(0, 1, 2)
    bench.run()
    assert bench.segmented == [0, 1, 2]
    assert bench.dropped == []


@pytest.mark.parametrize(
    ("fault", "reason", "words"),
    [
        (DropError(DropReason.BAD_SHAPE, "It fits no flat field."), "bad_shape", "flat field"),
        (ZeroDivisionError("by zero"), "compute", "ZeroDivisionError: by zero"),
    ],
)
def test_a_frame_that_cannot_be_computed_is_dropped_with_its_reason(fault, reason, words):
    bench = Bench(Pipeline(faults={1: fault}))
    bench.feed(0, 1, 2)
    bench.run()
    assert bench.segmented == [0, 2]
    ((number, why, message),) = bench.dropped
    assert (number, why) == (1, reason)
    assert words in message


def test_what_is_no_exception_of_a_frame_ends_the_thread():
    bench = Bench(Pipeline(faults={0: SystemExit(3)}))
    bench.feed(0)
    with pytest.raises(SystemExit):
        bench.run()


def test_changes_are_made_between_two_frames():
    pipeline = Pipeline()
    bench = Bench(pipeline)
    bench.feed(0, 1)
    pipeline.gate.clear()
    bench.thread.start()
    assert pipeline.entered.wait(SOON_S)
    bench.compute.apply(Settings(), config_hash="new")
    asker = threading.Thread(target=bench.compute.reset)
    asker.start()
    while len(bench.compute._changes) < 2:
        time.sleep(0.001)
    pipeline.gate.set()
    asker.join(SOON_S)
    bench.frames.close()
    bench.end()
    assert pipeline.log == [0, "new", "reset", 1]


def test_changes_are_made_while_no_frame_comes():
    pipeline = Pipeline()
    bench = Bench(pipeline)
    bench.thread.start()
    bench.compute.reset()
    assert pipeline.log == ["reset"], "who has the answer may count on it"
    bench.frames.close()
    bench.end()


def test_a_name_for_who_is_forgotten_before_it_could_be_given_is_refused():
    pipeline = Pipeline()
    bench = Bench(pipeline)
    bench.feed(0)
    pipeline.gate.clear()
    bench.thread.start()
    assert pipeline.entered.wait(SOON_S)
    refused = []

    def name():
        try:
            bench.compute.name(3, "oxide")
        except ConfigError as error:
            refused.append(str(error))

    asker = asked(bench, name)
    pipeline.tracker.ids.clear()
    pipeline.gate.set()
    asker.join(SOON_S)
    bench.frames.close()
    bench.end()
    assert refused == ["Community 3 is not known: name one that a result or event has shown."]


def test_the_reference_is_kept_between_two_frames_and_its_ids_are_told():
    pipeline = Pipeline()
    bench = Bench(pipeline)
    bench.feed(0, 1)
    pipeline.gate.clear()
    bench.thread.start()
    assert pipeline.entered.wait(SOON_S)
    kept = []
    asker = asked(bench, lambda: kept.append(bench.compute.reference()))
    pipeline.gate.set()
    asker.join(SOON_S)
    bench.frames.close()
    bench.end()
    assert kept == [(1, 2)]
    assert pipeline.log == [0, "reference", 1]


def test_a_reference_before_any_frame_is_refused_and_the_thread_lives():
    bench = Bench(Pipeline())
    bench.thread.start()
    with pytest.raises(ConfigError, match="No frame"):
        bench.compute.reference()
    bench.feed(0)
    bench.frames.close()
    bench.end()
    assert bench.segmented == [0]


def test_a_reference_that_no_thread_comes_to_is_a_sentence_and_not_a_hang(monkeypatch):
    monkeypatch.setattr(compute, "ANSWER_S", 0.01)
    with pytest.raises(ServiceError, match="ask again"):
        Bench(Pipeline()).compute.reference()


def spending(clock, seconds_s):
    def spend():
        clock.now_s += seconds_s

    return spend


def test_a_frame_past_its_deadline_is_not_computed(clock):
    bench = Bench(Pipeline(), deadline_s=5.0)
    bench.feed(0, age_s=5.1)
    bench.feed(1, age_s=4.9)
    bench.run()
    assert bench.segmented == [1]
    assert [(number, reason) for number, reason, _ in bench.dropped] == [(0, "deadline")]


@pytest.mark.parametrize(("replanned", "segmented"), [((), [0]), ((0,), [0, 1])])
def test_a_frame_that_could_not_be_done_in_time_is_not_begun(clock, replanned, segmented):
    # The first frame takes 10 s, which makes the estimate 2 s, unless it had to plan.
    bench = Bench(Pipeline(spend=spending(clock, 10.0), replanned=replanned), deadline_s=100.0)
    bench.feed(0)
    bench.feed(1, age_s=89.0)
    bench.run()
    assert bench.segmented == segmented
    assert [number for number, _, _ in bench.dropped] == [one for one in (1,) if not replanned]


def test_one_slow_frame_does_not_shut_the_gate_for_ever(clock):
    bench = Bench(Pipeline(spend=spending(clock, 10.0)), deadline_s=1.0)
    bench.feed(0)
    bench.thread.start()
    number, until_s = 1, time.monotonic() + SOON_S
    while len(bench.segmented) < 2 and time.monotonic() < until_s:
        bench.feed(number)
        number += 1
    bench.frames.close()
    bench.end()
    assert len(bench.segmented) >= 2
    # 2 s x 0.8^n falls below the second that a frame has after four refusals.
    refused = [number for number, _, _ in bench.dropped if number < bench.segmented[1]]
    assert len(refused) >= 4


def test_an_abandoned_thread_only_empties_its_channel():
    pipeline = Pipeline()
    bench = Bench(pipeline)
    bench.feed(0, 1, 2)
    bench.compute.abandon.set()
    bench.run()
    assert pipeline.log == []
    assert [(number, reason) for number, reason, _ in bench.dropped] == [
        (0, "deadline"),
        (1, "deadline"),
        (2, "deadline"),
    ]


@pytest.mark.parametrize("fault", [None, RuntimeError("late")])
def test_a_frame_given_up_is_settled_by_its_taker_alone(fault):
    pipeline = Pipeline(faults={} if fault is None else {0: fault})
    bench = Bench(pipeline)
    bench.feed(0, 1)
    pipeline.gate.clear()
    bench.thread.start()
    assert pipeline.entered.wait(SOON_S)
    bench.frames.close()
    assert [frame.number for frame in bench.compute.give_up()] == [0, 1]
    pipeline.gate.set()
    bench.end()
    assert bench.segmented == []
    assert bench.dropped == []


def test_a_frame_taken_while_changes_are_made_can_be_given_up():
    class Changing(Pipeline):
        def reset(self):
            self.entered.set()
            assert self.gate.wait(SOON_S)

    pipeline = Changing()
    bench = Bench(pipeline)
    bench.feed(0, 1)
    asker = asked(bench, bench.compute.reset)
    pipeline.gate.clear()
    bench.thread.start()
    assert pipeline.entered.wait(SOON_S)
    bench.frames.close()
    assert [frame.number for frame in bench.compute.give_up()] == [0, 1]
    pipeline.gate.set()
    asker.join(SOON_S)
    bench.end()
    assert bench.segmented == []
    assert bench.dropped == []


def test_a_frame_already_handed_on_is_not_given_up():
    class Handing(ListSink):
        def put(self, segmentation):
            super().put(segmentation)
            handed.set()

    handed = threading.Event()
    bench = Bench(Pipeline(), results=Handing())
    bench.feed(0)
    bench.thread.start()
    assert handed.wait(SOON_S)
    assert bench.compute.give_up() == []
    bench.frames.close()
    bench.end()
    assert bench.segmented == [0]


def test_as_many_frames_are_begun_as_there_are_lanes_and_they_end_in_order():
    pipeline = Pipeline(lanes=2)
    bench = Bench(pipeline)
    bench.feed(0, 1, 2)
    pipeline.gate.clear()
    bench.thread.start()
    assert pipeline.entered.wait(SOON_S)
    # The first is being finished while the second is begun, and the third still waits.
    assert pipeline.begun == [0, 1]
    assert bench.frames.statistics().waiting == 1
    pipeline.gate.set()
    bench.frames.close()
    bench.end()
    assert bench.segmented == [0, 1, 2]


def test_a_frame_without_a_successor_is_finished_at_once():
    bench = Bench(Pipeline(lanes=2))
    bench.feed(0)
    bench.thread.start()
    until_s = time.monotonic() + SOON_S
    while not bench.segmented and time.monotonic() < until_s:
        time.sleep(0.01)
    assert bench.segmented == [0]
    bench.frames.close()
    bench.end()


def test_what_is_begun_is_finished_before_a_change():
    pipeline = Pipeline(lanes=2)
    bench = Bench(pipeline)
    bench.feed(0, 1)
    pipeline.gate.clear()
    bench.thread.start()
    assert pipeline.entered.wait(SOON_S)
    asker = asked(bench, bench.compute.reset)
    bench.feed(2)
    pipeline.gate.set()
    asker.join(SOON_S)
    bench.frames.close()
    bench.end()
    assert pipeline.log == [0, 1, "reset", 2]


@pytest.mark.parametrize("begins", [True, False])
def test_one_of_two_frames_fails_and_the_other_is_segmented_after_a_recovery(begins):
    faults = {1: RuntimeError("CUDA error")} if begins else {}
    pipeline = Pipeline(lanes=2, faults=faults, cannot_begin=() if begins else (1,))
    bench = Bench(pipeline)
    bench.feed(0, 1, 2)
    bench.run()
    assert bench.segmented == [0, 2]
    assert [(number, reason) for number, reason, _ in bench.dropped] == [(1, "compute")]
    assert pipeline.recovered == 1


def test_what_cannot_be_recovered_ends_the_thread_with_the_frame_counted():
    class Lost(Pipeline):
        def recover(self):
            raise DeviceLostError("gone")

    bench = Bench(Lost(lanes=2, faults={0: RuntimeError("CUDA error")}))
    bench.feed(0, 1)
    with pytest.raises(DeviceLostError):
        bench.run()
    assert [number for number, _, _ in bench.dropped] == [0]
    assert [frame.number for frame in bench.compute.give_up()] == [1]


def test_all_frames_begun_can_be_given_up():
    pipeline = Pipeline(lanes=2)
    bench = Bench(pipeline)
    bench.feed(0, 1, 2)
    pipeline.gate.clear()
    bench.thread.start()
    assert pipeline.entered.wait(SOON_S)
    bench.frames.close()
    assert [frame.number for frame in bench.compute.give_up()] == [0, 1, 2]
    pipeline.gate.set()
    bench.end()
    assert (bench.segmented, bench.dropped) == ([], [])


def test_after_a_recovery_what_was_begun_is_finished_before_the_next_frame_begins():
    pipeline = Pipeline(lanes=2, faults={0: RuntimeError("CUDA error")})
    finished_by_then = []
    begin = pipeline.begin
    pipeline.begin = lambda frame: finished_by_then.append(list(pipeline.log)) or begin(frame)
    bench = Bench(pipeline)
    bench.feed(0, 1, 2)
    bench.run()
    assert bench.segmented == [1, 2]
    assert finished_by_then == [[], [], [0, 1]]
