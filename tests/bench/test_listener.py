import pytest
import zmq

from contract_messages import packed, result
from scopeside.bench.listener import Listener

SERIES = "bench"
SOON_S = 20.0


class NeverWalked(dict):
    """Results that nobody may go through one by one."""

    def __iter__(self):
        raise AssertionError("every frame would look at all that came before it")


@pytest.fixture
def heard(tmp_path):
    """A listener that runs, and what publishes to it."""
    context = zmq.Context()
    publisher = context.socket(zmq.XPUB)
    publisher.setsockopt(zmq.LINGER, 0)
    publisher.bind(f"ipc://{tmp_path}/results")
    listener = Listener(f"ipc://{tmp_path}/results", SERIES)
    listener.start()
    assert publisher.poll(int(1000 * SOON_S))
    yield (
        listener,
        lambda number, **more: publisher.send(packed(result(number, **{"series": SERIES} | more))),
    )
    listener.close()
    publisher.close()
    context.term()


def test_the_newest_is_the_largest_number_since_the_last_take(heard):
    listener, publish = heard
    assert listener.newest(7) == 7
    for number in (3, 9, 5):
        publish(number)
        assert listener.wait_for(number, SOON_S)
    assert (listener.newest(0), listener.newest(12)) == (9, 12)
    assert [arrival.number for arrival in listener.take()] == [3, 5, 9]
    assert listener.newest(2) == 2


def test_results_of_another_series_and_what_is_none_are_passed_over(heard):
    listener, publish = heard
    publish(4, series="other")
    publish(1, v=2)
    publish(2)
    assert listener.wait_for(2, SOON_S)
    assert listener.malformed == 1
    assert (listener.count_from(0), listener.last.frame) == (1, 2)


def test_asking_for_the_newest_does_not_look_through_all(tmp_path):
    listener = Listener(f"ipc://{tmp_path}/results", SERIES)
    listener._arrivals = NeverWalked()
    for number in range(3):
        listener._take(packed(result(number, series=SERIES)), 1.0)
    assert listener.newest(-1) == 2
    listener.close()
