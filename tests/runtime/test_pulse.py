import pytest

from scopeside.channels import Channel
from scopeside.errors import DropReason
from scopeside.runtime import pulse
from scopeside.runtime.lifecycle import Lifecycle, State
from scopeside.runtime.pulse import Pulse
from scopeside.stages.books import Books


class Clock:
    """Stands in for the module `time`: it is the time that the test says."""

    def __init__(self):
        self.now_s = 100.0

    def monotonic(self):
        return self.now_s


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(pulse, "time", clock)
    return clock


@pytest.fixture
def books():
    books = Books()
    books.open("s", first=0)
    return books


@pytest.fixture
def beating(clock, books):
    return Pulse(Lifecycle(), books, Channel(name="frames", policy="deadline", capacity=3))


def segment(books, count, *, first):
    for number in range(first, first + count):
        books.receive("s", number)
        books.segmented("s")


def test_beats_stay_on_their_times_however_late_one_is(clock, beating):
    assert beating.next_s() == pytest.approx(1.0)
    clock.now_s += 2.3
    assert beating.next_s() == pytest.approx(0.7)


def test_a_beat_is_due_once(clock, beating):
    assert not beating.due()
    clock.now_s += 1.2
    assert beating.due()
    assert not beating.due()
    clock.now_s += 0.8
    assert beating.due()


def test_the_rate_is_that_of_the_last_five_seconds(clock, beating, books):
    assert beating.rate_hz == 0.0
    for second in range(10):
        clock.now_s += 1.0
        segment(books, 30 if second < 5 else 4, first=100 * second)
        beat = beating.beat()
    assert beat["rate_hz"] == beating.rate_hz == pytest.approx(4.0)


def test_a_beat_out_of_turn_does_not_shorten_the_window(clock, beating, books):
    for second in range(6):
        clock.now_s += 1.0
        segment(books, 10, first=100 * second)
        beating.beat()
        clock.now_s += 0.001
        beating.beat()
    assert beating.rate_hz == pytest.approx(10.0, rel=0.01)


def test_a_beat_tells_state_queue_and_books(clock, books):
    lifecycle, frames = Lifecycle(), Channel(name="frames", policy="deadline", capacity=3)
    lifecycle.enter(State.WARMING)
    for item in range(4):
        frames.put(item)
    beating = Pulse(lifecycle, books, frames)
    books.reject(None, DropReason.BAD_TOPIC)
    beat = beating.beat()
    assert (beat["kind"], beat["state"], beat["queue"]) == ("heartbeat", "warming", 3)
    assert beat["totals"]["received"] == 1
    assert beat["totals"]["dropped"] == {"bad_topic": 1}
    assert beating.figures()["queue"] == {
        "policy": "deadline",
        "capacity": 3,
        "waiting": 3,
        "peak": 3,
    }
