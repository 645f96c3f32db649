"""Reads a whole recording and says what is not as it was recorded."""

from __future__ import annotations

from dataclasses import dataclass

from scopeside.recording.reader import Recording

SHOWN = 20
"""Damaged messages named one by one; of more the number is enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`damaged` are the first of the messages that fail their checksum, `damaged_count` all.

    `torn` messages at the end did not reach the disk; `backwards` times that run back; `lacks`
    is the number of the file, of several, that should follow and is not there.
    """

    messages: int
    payload_bytes: int
    damaged: tuple[int, ...]
    damaged_count: int
    torn: int
    backwards: int
    complete: bool
    lacks: int | None

    @property
    def sound(self) -> bool:
        """Whether everything that the index names is there, bit for bit.

        A recording that broke off can be sound: what it holds is whole.
        """
        return self.damaged_count == 0 and self.backwards == 0 and self.lacks is None


def verify(recording: Recording) -> Verdict:
    """Read every message and compare it with its checksum."""
    damaged: list[int] = []
    count = size = backwards = 0
    before_ns: int | None = None
    for stored in recording.messages():
        if stored.message is None:
            count += 1
            if len(damaged) < SHOWN:
                damaged.append(stored.index)
            continue
        size += stored.message.size_bytes
        at_ns = stored.message.monotonic_ns
        backwards += before_ns is not None and at_ns < before_ns
        before_ns = at_ns
    return Verdict(
        messages=len(recording),
        payload_bytes=size,
        damaged=tuple(damaged),
        damaged_count=count,
        torn=sum(file.torn for file in recording.files),
        backwards=backwards,
        complete=recording.complete,
        lacks=recording.lacks,
    )
