"""What arrives on a SUB socket, decoded one by one; what cannot be is counted. No sockets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from scopeside.errors import DropError, DropReason

Item = TypeVar("Item")


class Inbox(Generic[Item]):
    """Turns messages into items; `malformed` and `last_problem` tell of those that are none."""

    def __init__(self, decode: Callable[[bytes], Item]) -> None:
        self._decode = decode
        self.malformed = 0
        self.last_problem: str | None = None
        self.other_version = False
        """Whether the last message was one of another version of the wire contract."""

    def take(self, parts: Sequence[bytes]) -> Item | None:
        """Return the item in a message, or None where it is none."""
        try:
            if len(parts) != 1:
                raise DropError(
                    DropReason.BAD_HEADER, f"A message of {len(parts)} parts is not ours."
                )
            item = self._decode(parts[0])
        except DropError as error:
            self.malformed += 1
            self.last_problem = str(error)
            self.other_version = error.reason is DropReason.BAD_VERSION
            return None
        self.other_version = False
        return item
