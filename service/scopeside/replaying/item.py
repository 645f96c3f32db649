"""One step of a replay, and where steps come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from scopeside.recording.layout import Kind
from scopeside.wire.arrays import Buffer

Message = list[Buffer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One message to send; `encode` makes it, given the moment (UTC nanoseconds) it is due.

    `at_s` is when it came, after the first of its input; None where the input does not say.
    `series` is its series as it is sent.
    """

    encode: Callable[[int], Message]
    at_s: float | None
    kind: Kind
    series: str | None

    @property
    def is_frame(self) -> bool:
        """A rate paces frames alone, not what stands around them."""
        return self.kind is Kind.FRAME


class Source(Protocol):
    """An input as a stream of items, in order; read by one thread."""

    @property
    def name(self) -> str:
        """What the input is called, for people."""
        ...

    @property
    def timed(self) -> bool:
        """Whether it says when each item came."""
        ...

    @property
    def period_s(self) -> float | None:
        """Mean time between frames as they came; None where it does not say."""
        ...

    @property
    def item_bytes(self) -> int:
        """About what an item takes in memory."""
        ...

    @property
    def damaged(self) -> int:
        """Messages passed over so far, because they are not as they were recorded."""
        ...

    @property
    def ends_series(self) -> bool:
        """Whether series that are still open after the last item are to be ended."""
        ...

    @property
    def frames(self) -> int | None:
        """How many frames it sends in all; None for ever."""
        ...

    def items(self) -> Iterator[Item]:
        """Yield every item, each read when it is asked for."""
        ...
