import numpy as np
import pytest

from scopeside.bench.frames import Load
from scopeside.bench.sender import LEAD_S, Sender

LOAD = Load(name="n", kind="k", images=tuple(np.full((2, 3), n, np.uint8) for n in range(3)))
WALL_NS = 1_700_000_000_000_000_000


class Time:
    """A clock that moves only when somebody sleeps or works."""

    def __init__(self):
        self.now_s = 5.0

    def __call__(self):
        return self.now_s

    def pass_by(self, seconds):
        self.now_s += seconds


class Wire:
    """Takes frames; sending number `n` takes `stalls[n]`, and it is full until `open_s`."""

    def __init__(self, time, *, stalls=None, open_s=0.0):
        self.time, self.stalls, self.open_s = time, stalls or {}, open_s
        self.frames = []

    def ready(self, timeout_s):
        if self.time() < self.open_s:
            self.time.pass_by(timeout_s)
        return self.time() >= self.open_s

    def frame(self, image, *, number, t_ns):
        self.frames.append((number, int(image[0, 0]), t_ns))
        self.time.pass_by(self.stalls.get(number, 0.0))


def sender(time, wire):
    return Sender(
        wire,
        LOAD,
        clock=time,
        sleep=time.pass_by,
        wall_ns=lambda: WALL_NS + round(1e9 * time()),
    )


def never():
    return False


def test_frames_go_on_time_and_say_when_they_were_due():
    time = Time()
    wire = Wire(time)
    sent = sender(time, wire).offer(first=7, count=5, rate_hz=4.0, give_up=never)
    due_s = [5.0 + LEAD_S + n / 4 for n in range(5)]
    assert [one.number for one in sent] == [7, 8, 9, 10, 11]
    assert [one.due_s for one in sent] == pytest.approx(due_s)
    assert [one.sent_s for one in sent] == pytest.approx(due_s)
    assert [t_ns for _, _, t_ns in wire.frames] == pytest.approx(
        [WALL_NS + 1e9 * due for due in due_s], abs=1000
    )


def test_a_stall_delays_no_schedule():
    time = Time()
    sent = sender(time, Wire(time, stalls={0: 1.0})).offer(
        first=0, count=6, rate_hz=4.0, give_up=never
    )
    begun_s = sent[0].due_s
    assert [one.due_s - begun_s for one in sent] == pytest.approx([n / 4 for n in range(6)])
    late_s = [one.sent_s - one.due_s for one in sent]
    assert late_s == pytest.approx([0.0, 0.75, 0.5, 0.25, 0.0, 0.0])


def test_a_socket_without_room_makes_frames_late_and_loses_none():
    time = Time()
    sent = sender(time, Wire(time, open_s=6.0)).offer(first=0, count=3, rate_hz=10.0, give_up=never)
    assert len(sent) == 3
    assert sent[0].sent_s >= 6.0
    assert sent[0].due_s == pytest.approx(5.0 + LEAD_S)


@pytest.mark.parametrize("open_s", [0.0, float("inf")])
def test_a_lost_step_is_given_up(open_s):
    time = Time()
    sent = sender(time, Wire(time, open_s=open_s)).offer(
        first=0, count=1000, rate_hz=10.0, give_up=lambda: time() > 7.0
    )
    assert len(sent) < 25
    assert time() < 7.5


def test_images_go_forwards_and_backwards():
    assert [int(LOAD.image(n)[0, 0]) for n in range(9)] == [0, 1, 2, 1, 0, 1, 2, 1, 0]
