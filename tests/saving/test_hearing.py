"""What is heard is saved or counted, whatever lacks."""

import time
from contextlib import contextmanager
from itertools import count
from types import SimpleNamespace

import numpy as np
import zmq

from contract_messages import accounting, packed, result
from scopeside.messages import Channel
from scopeside.saving.hearing import Hearing
from scopeside.saving.listening import listen
from scopeside.wire.native import encode_frame

SOON_S = 30.0


@contextmanager
def heard(tmp_path, *numbers, frames=None):
    """Results of these running numbers, and the hearing that gets them."""
    endpoint = f"ipc://{tmp_path / 'results'}"
    with zmq.Context() as context, context.socket(zmq.XPUB) as socket:
        socket.bind(endpoint)
        hearing = Hearing(endpoint, frames=frames)
        assert socket.poll(1000 * SOON_S)  # its subscription
        for number in numbers:
            socket.send(packed(result(number, accounting=accounting(number))))
        try:
            yield hearing
        finally:
            hearing.close()
            socket.close(linger=0)


def all_come(hearing, count):
    """An `until` that ends once so many results were heard."""
    until_s = time.monotonic() + SOON_S

    def until(told):
        assert time.monotonic() < until_s
        assert told is hearing.heard
        return told.results >= count

    return until


class Offered:
    """Takes what a tap is offered."""

    error = None

    def __init__(self):
        self.count = 0

    def offer(self, parts, *, at_ns, at_s):
        self.count += 1
        return True

    def look(self):
        pass


def test_every_result_that_lacks_between_two_is_counted(tmp_path):
    with heard(tmp_path, 1, 2, 4, 8) as hearing:
        listen(hearing, Offered(), until=all_come(hearing, 4))
        assert hearing.heard.missed == 1 + 3


def test_results_that_wait_for_their_frames_at_the_end_are_saved_without_them(tmp_path):
    tap = Offered()
    with heard(tmp_path, 1, 2, 3, frames=f"ipc://{tmp_path / 'nobody'}") as hearing:
        listen(hearing, tap, until=all_come(hearing, 3))
        assert hearing.heard.unpaired == 3
    assert tap.count == 3


def test_a_thread_that_stood_still_loses_no_frame_that_waits_in_the_socket(tmp_path, monkeypatch):
    endpoint = f"ipc://{tmp_path / 'frames'}"
    pixels = Channel(name="image", values=np.zeros((8, 8), np.uint8))
    with zmq.Context() as context, context.socket(zmq.XPUB) as frames:
        frames.bind(endpoint)
        with heard(tmp_path, 0, frames=endpoint) as hearing:
            assert frames.poll(1000 * SOON_S)  # its subscription
            # Ten seconds, ten times the patience, pass whenever somebody looks at the clock.
            clock = SimpleNamespace(monotonic=count(0, 10).__next__, time_ns=time.time_ns)
            monkeypatch.setattr("scopeside.saving.hearing.time", clock)
            while hearing.heard.results == 0:
                assert list(hearing.turn(SOON_S)) == []
            frames.send_multipart(encode_frame(series="run-1", number=0, t_ns=1, channels=[pixels]))
            ((_, facts),) = hearing.turn(SOON_S)
        assert facts.image_YX is not None
        frames.close(linger=0)
