"""Bounded channels: nothing displaced disappears, and the end is told apart from a pause."""

from __future__ import annotations

from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeside.channels import (
    Channel,
    ClosedChannelError,
    EndOfChannelError,
    Policy,
)

WAIT_S = 10.0


def channel(policy: Policy, capacity: int = 2) -> Channel[int]:
    return Channel(name="test", policy=policy, capacity=capacity)


def test_latest_gives_back_what_a_newer_item_replaced() -> None:
    latest = channel("latest", capacity=7)
    assert latest.capacity == 1
    assert latest.put(1) is None
    assert latest.put(2) == 1
    assert latest.get() == 2


def test_deadline_gives_back_the_oldest_when_full() -> None:
    queue = channel("deadline")
    assert [queue.put(item) for item in (1, 2, 3, 4)] == [None, None, 1, 2]
    assert [queue.get(), queue.get()] == [3, 4]


def test_lossless_refuses_when_full_for_longer_than_it_may_wait() -> None:
    queue = channel("lossless")
    queue.put(1)
    queue.put(2)
    with pytest.raises(TimeoutError):
        queue.put(3, timeout_s=0.0)
    assert not queue.wait_for_room(timeout_s=0.0)
    assert queue.get() == 1
    assert queue.wait_for_room(timeout_s=0.0)
    assert queue.put(3) is None


def test_lossless_put_waits_until_something_is_taken() -> None:
    queue = channel("lossless", capacity=1)
    queue.put(0)
    putter = Thread(target=lambda: [queue.put(item, timeout_s=WAIT_S) for item in (1, 2, 3)])
    putter.start()
    taken = [queue.get(timeout_s=WAIT_S) for _ in range(4)]
    putter.join(WAIT_S)
    assert taken == [0, 1, 2, 3]
    assert queue.statistics().displaced == 0


def test_get_from_an_empty_channel_times_out() -> None:
    with pytest.raises(TimeoutError):
        channel("latest").get(timeout_s=0.0)


def test_closed_channel_gives_out_what_it_holds_and_then_its_end() -> None:
    queue = channel("deadline")
    queue.put(1)
    queue.close()
    queue.close()
    with pytest.raises(ClosedChannelError):
        queue.put(2)
    assert not queue.wait_for_room(timeout_s=0.0)
    assert queue.get() == 1
    with pytest.raises(EndOfChannelError):
        queue.get()


def test_closing_wakes_whoever_waits() -> None:
    full, empty = channel("lossless", capacity=1), channel("latest")
    full.put(0)
    woken: list[str] = []

    def put() -> None:
        try:
            full.put(1, timeout_s=WAIT_S)
        except ClosedChannelError:
            woken.append("putter")

    def get() -> None:
        try:
            empty.get(timeout_s=WAIT_S)
        except EndOfChannelError:
            woken.append("getter")

    threads = [Thread(target=put), Thread(target=get)]
    for thread in threads:
        thread.start()
    full.close()
    empty.close()
    for thread in threads:
        thread.join(WAIT_S)
    assert sorted(woken) == ["getter", "putter"]


def test_capacity_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="capacity"):
        channel("lossless", capacity=0)


def test_all_that_is_inside_can_be_taken_at_once() -> None:
    queue = channel("lossless", capacity=3)
    queue.put(1)
    queue.put(2)
    queue.close()
    assert queue.take_all() == [1, 2]
    assert queue.take_all() == []
    assert queue.statistics().taken == 2


@given(
    st.sampled_from(["latest", "lossless", "deadline"]),
    st.integers(1, 4),
    st.lists(st.booleans(), max_size=60),
)
def test_every_item_is_taken_given_back_or_waiting(
    policy: Policy, capacity: int, steps: list[bool]
) -> None:
    queue = channel(policy, capacity)
    put: list[int] = []
    out: list[int] = []
    for number, puts in enumerate(steps):
        if puts and (policy != "lossless" or queue.wait_for_room(timeout_s=0.0)):
            displaced = queue.put(number)
            put.append(number)
            out += [] if displaced is None else [displaced]
        elif not puts and queue.statistics().waiting:
            out.append(queue.get(timeout_s=0.0))
        statistics = queue.statistics()
        assert statistics.waiting <= statistics.capacity
        assert statistics.peak <= statistics.capacity
        assert statistics.put == statistics.taken + statistics.displaced + statistics.waiting
    queue.close()
    while queue.statistics().waiting:
        out.append(queue.get())
    assert out == put
