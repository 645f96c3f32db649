"""One source to one endpoint: nothing lost, everything counted, series ended."""

import threading
import time
from dataclasses import replace
from functools import partial

import pytest
import zmq

from receiving import receiver
from scopeside.client.publisher import FramePublisher
from scopeside.errors import ServiceError
from scopeside.recording.layout import Kind
from scopeside.replaying.item import Item
from scopeside.replaying.pace import Pace
from scopeside.replaying.stream import Stream
from scopeside.settings import LimitSettings
from scopeside.wire.native import decode_message

SOON_MS = 20_000


class Given:
    """A source of the items that a test gives; it remembers the times they were made for."""

    name, timed, period_s, item_bytes, damaged, ends_series = "given", True, 0.01, 100, 0, True

    def __init__(self, items, *, fails=None) -> None:
        self._items = items
        self._fails = fails
        self.frames = len(items)
        self.made_ns: list[int] = []

    def items(self):
        for kind, at_s, parts in self._items:
            yield Item(encode=self._encoder(parts), at_s=at_s, kind=kind, series="s")
        if self._fails is not None:
            raise self._fails

    def _encoder(self, parts):
        def encode(due_ns):
            self.made_ns.append(due_ns)
            return parts

        return encode


FRAMES = [(Kind.FRAME, 0.01 * number, [b"frame", b"%d" % number]) for number in range(20)]


def pushed(tmp_path, source, *, pace, stopped=lambda: False, take=None):
    """What arrives at a PULL socket, and what the stream says it sent."""
    endpoint = f"ipc://{tmp_path}/f"
    arrived = []
    with (
        FramePublisher(endpoint, socket="push", hwm_messages=2) as publisher,
        receiver(zmq.PULL, endpoint) as socket,
    ):
        stream = Stream(source, publisher, pace=pace, stopped=stopped)
        thread = threading.Thread(target=stream.run)
        thread.start()
        while len(arrived) < take and socket.poll(SOON_MS):
            arrived.append(socket.recv_multipart())
        thread.join(SOON_MS / 1000)
        assert not thread.is_alive()
    return arrived, stream


@pytest.mark.parametrize("pace", [Pace(), Pace(speed=2.0), Pace(rate_hz=500.0)])
def test_everything_arrives_in_order_and_the_series_is_ended(tmp_path, pace):
    source = Given(FRAMES)
    arrived, stream = pushed(tmp_path, source, pace=pace, take=21)
    assert arrived[:20] == [parts for _, _, parts in FRAMES]
    end = decode_message(arrived[20], LimitSettings())
    assert (end.series, end.frames) == ("s", 20)
    assert (stream.sent.frames, stream.sent.messages) == (20, 21)
    assert stream.sent.lateness.count == (0 if pace == Pace() else 20)
    assert not stream.sent.stopped


def test_a_message_is_made_for_the_moment_it_is_due(tmp_path):
    source = Given([FRAMES[0], (Kind.FRAME, 1000.0, [b"frame"])])
    arrived, _ = pushed(
        tmp_path, source, pace=Pace(speed=1.0), stopped=lambda: len(source.made_ns) > 1, take=2
    )
    first_ns, second_ns = source.made_ns
    assert (second_ns - first_ns) / 1e9 == pytest.approx(1000.0, abs=20.0)
    assert len(arrived) == 2  # the first, and the end of the series: the second was never due


class Slow(Given):
    """A source that takes its time to read every item, as one that must decompress it does."""

    def __init__(self, items) -> None:
        super().__init__(items)
        self.read = 0
        self.read_before_the_first_was_made: int | None = None

    def items(self):
        for item in super().items():
            time.sleep(0.01)
            self.read += 1
            yield replace(item, encode=partial(self._noting, item.encode))

    def _noting(self, encode, due_ns):
        if self.read_before_the_first_was_made is None:
            self.read_before_the_first_was_made = self.read
        return encode(due_ns)


@pytest.mark.parametrize("pace", [Pace(), Pace(speed=1.0), Pace(rate_hz=500.0)])
def test_the_clock_starts_when_there_is_something_to_send(tmp_path, pace):
    source = Slow(FRAMES)
    arrived, _ = pushed(tmp_path, source, pace=pace, take=21)
    assert len(arrived) == 21
    assert source.read_before_the_first_was_made > 5


def test_a_source_that_is_stopped_before_anything_was_read_sends_nothing(tmp_path):
    arrived, stream = pushed(
        tmp_path, Slow(FRAMES), pace=Pace(speed=1.0), stopped=lambda: True, take=0
    )
    assert (arrived, stream.sent.frames) == ([], 0)
    assert stream.sent.stopped
    assert stream.sent.seconds < 100.0


def test_a_series_that_ended_by_itself_is_not_ended_twice(tmp_path):
    items = [*FRAMES[:2], (Kind.END, 0.02, [b"end"])]
    arrived, stream = pushed(tmp_path, Given(items), pace=Pace(), take=3)
    assert arrived[-1] == [b"end"]
    assert stream.sent.messages == 3


def test_stopping_counts_what_went_out_and_says_so_at_the_end(tmp_path):
    source = Given(FRAMES)
    arrived, stream = pushed(
        tmp_path, source, pace=Pace(), stopped=lambda: len(source.made_ns) >= 5, take=6
    )
    end = decode_message(arrived[-1], LimitSettings())
    assert end.frames == stream.sent.frames == 5
    assert stream.sent.stopped


def test_a_receiver_that_never_comes_is_a_sentence_after_a_while(tmp_path):
    with FramePublisher(f"ipc://{tmp_path}/f", socket="push") as publisher:
        stream = Stream(
            Given(FRAMES), publisher, pace=Pace(), stopped=lambda: False, patience_s=0.05
        )
        with pytest.raises(ServiceError, match=r"No receiver took a message at .* for 0\.05 s"):
            stream.run()


def test_a_source_that_fails_on_the_way_fails_the_stream(tmp_path):
    with FramePublisher(f"ipc://{tmp_path}/f") as publisher:
        source = Given(FRAMES[:3], fails=OSError("the file breaks off"))
        stream = Stream(source, publisher, pace=Pace(), stopped=lambda: False)
        with pytest.raises(OSError, match="breaks off"):
            stream.run()
    assert stream.sent.frames == 3
