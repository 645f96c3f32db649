"""What is heard is saved or counted, whatever lacks."""

import time
from contextlib import contextmanager

import zmq

from contract_messages import accounting, packed, result
from scopeside.saving.hearing import Hearing
from scopeside.saving.listening import listen

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
