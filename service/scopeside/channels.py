"""A bounded channel between two threads that names what it does when it is full.

    latest    one item; a newer one replaces it, and the putter gets the replaced one back
    deadline  a queue; when full the oldest makes room, and the putter gets that one back
    lossless  a queue; when full the putter waits

Whatever is displaced is returned to the putter, so that nothing disappears uncounted. After
`close` what is inside can still be taken; then `get` raises EndOfChannelError.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from threading import Condition
from typing import Generic, Literal, TypeVar

Policy = Literal["latest", "lossless", "deadline"]
Item = TypeVar("Item")


class EndOfChannelError(Exception):
    """The channel is closed and empty: a signal between threads, not a fault."""


class ClosedChannelError(Exception):
    """Something was put into a closed channel: a signal between threads, not a fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelStatistics:
    """What a channel holds and has done; `displaced` counts items given back to the putter."""

    name: str
    policy: Policy
    capacity: int
    waiting: int
    put: int
    taken: int
    displaced: int
    peak: int
    closed: bool


class Channel(Generic[Item]):
    """A bounded first-in first-out channel; any thread may use any method."""

    def __init__(self, *, name: str, policy: Policy, capacity: int = 1) -> None:
        if capacity < 1:
            raise ValueError(f"channel {name}: capacity must be at least 1, not {capacity}")
        self.name = name
        self.policy = policy
        self.capacity = 1 if policy == "latest" else capacity
        self._items: deque[Item] = deque()
        self._changed = Condition()
        self._closed = False
        self._put = self._taken = self._displaced = self._peak = 0

    def put(self, item: Item, *, timeout_s: float | None = None) -> Item | None:
        """Put `item` in; return the item it displaced, if any.

        With policy `lossless` wait for room, at most `timeout_s` (for ever when None), then
        raise TimeoutError. Raise ClosedChannelError once closed, also while waiting.
        """
        with self._changed:
            if self.policy == "lossless":
                self._wait_for_room(timeout_s)
            if self._closed:
                raise ClosedChannelError(f"channel {self.name} is closed")
            displaced = None
            if len(self._items) == self.capacity:
                displaced = self._items.popleft()
                self._displaced += 1
            self._items.append(item)
            self._put += 1
            self._peak = max(self._peak, len(self._items))
            self._changed.notify_all()
            return displaced

    def get(self, *, timeout_s: float | None = None) -> Item:
        """Take the oldest item, waiting for one at most `timeout_s` (for ever when None).

        Raises TimeoutError, and EndOfChannelError once closed and empty.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed, timeout_s)
            if self._items:
                item = self._items.popleft()
                self._taken += 1
                self._changed.notify_all()
                return item
            if self._closed:
                raise EndOfChannelError(f"channel {self.name} has ended")
            raise TimeoutError(f"channel {self.name} stayed empty for {timeout_s} s")

    def wait_for_room(self, *, timeout_s: float | None = None) -> bool:
        """Return whether there is room, waiting at most `timeout_s`; False once closed.

        A single putter that saw True puts without waiting.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: len(self._items) < self.capacity or self._closed, timeout_s
            )
            return len(self._items) < self.capacity and not self._closed

    def take_all(self) -> list[Item]:
        """Take everything that is inside, oldest first, without waiting."""
        with self._changed:
            items = list(self._items)
            self._items.clear()
            self._taken += len(items)
            self._changed.notify_all()
            return items

    def close(self) -> None:
        """End the channel; what is inside can still be taken. Closing twice is harmless."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def statistics(self) -> ChannelStatistics:
        """Return what the channel holds and has done so far."""
        with self._changed:
            return ChannelStatistics(
                name=self.name,
                policy=self.policy,
                capacity=self.capacity,
                waiting=len(self._items),
                put=self._put,
                taken=self._taken,
                displaced=self._displaced,
                peak=self._peak,
                closed=self._closed,
            )

    def _wait_for_room(self, timeout_s: float | None) -> None:
        room = self._changed.wait_for(
            lambda: len(self._items) < self.capacity or self._closed, timeout_s
        )
        if not room:
            raise TimeoutError(f"channel {self.name} stayed full for {timeout_s} s")
