"""Where recorded messages go: the port between the recording process and its container."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from scopeside.recording.layout import RecordedMessage


class MessageStore(Protocol):
    """Keeps messages in order. Any method may raise OutputError; after that none is called."""

    @property
    def files(self) -> int:
        """Files begun so far."""
        ...

    @property
    def committed(self) -> int:
        """Messages that are safe from the end of the process."""
        ...

    def append(self, messages: Sequence[RecordedMessage]) -> None:
        """Add messages; they are safe after the next `commit`."""
        ...

    def commit(self) -> None:
        """Hand everything to the operating system: a process killed now loses nothing."""
        ...

    def close(self, *, dropped_after: int | None) -> None:
        """Commit and end the recording, noting what was dropped after the last message.

        None where nobody knows, since the stream broke off: it is not marked as whole.
        """
        ...
