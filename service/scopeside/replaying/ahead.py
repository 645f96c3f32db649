"""Reads items ahead of their time, so that a block that is slow to decode delays no send."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from threading import Thread

from scopeside.channels import Channel, ClosedChannelError, EndOfChannelError
from scopeside.replaying.pace import Due

AHEAD_BYTES = 64 * 2**20
MOST_AHEAD = 512

FILL_S = 2.0
"""Longest time to read ahead before anything is sent; a slow file has a few frames by then."""

LEAST_AHEAD = 2
"""Fewest items before anything is sent: what begins a series, and its first frame."""

_LOOK_S = 0.005


class Ahead:
    """Iterates over what a thread of its own reads ahead; raises what reading raised.

    At most about `AHEAD_BYTES` wait. Close it before what it reads from is closed.
    """

    def __init__(self, dues: Iterator[Due], *, item_bytes: int) -> None:
        capacity = max(2, min(MOST_AHEAD, AHEAD_BYTES // max(1, item_bytes)))
        self._channel: Channel[Due] = Channel(name="ahead", policy="lossless", capacity=capacity)
        self._dues = dues
        self._failure: BaseException | None = None
        self._thread = Thread(target=self._read, name="scopeside-ahead", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Due]:
        while True:
            try:
                yield self._channel.get()
            except EndOfChannelError:
                break
        if self._failure is not None:
            raise self._failure

    def fill(self, *, stopped: Callable[[], bool]) -> None:
        """Wait until what is to be sent first has been read: a clock that ran meanwhile would
        make it late."""
        until_s = time.monotonic() + FILL_S
        while not stopped():
            now = self._channel.statistics()
            enough = now.capacity if time.monotonic() < until_s else LEAST_AHEAD
            if now.closed or now.waiting >= enough:
                return
            time.sleep(_LOOK_S)

    def close(self) -> None:
        """Stop reading, and wait until it has stopped."""
        self._channel.close()
        self._thread.join()

    def _read(self) -> None:
        try:
            for due in self._dues:
                self._channel.put(due)
        except ClosedChannelError:
            return
        except BaseException as error:  # noqa: BLE001  raised again where it can be handled
            self._failure = error
        finally:
            self._channel.close()
