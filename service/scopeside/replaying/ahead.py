"""Reads items ahead of their time, so that a block that is slow to decode delays no send."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread

from scopeside.channels import Channel, ClosedChannelError, EndOfChannelError
from scopeside.replaying.pace import Due

AHEAD_BYTES = 64 * 2**20
MOST_AHEAD = 512


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
