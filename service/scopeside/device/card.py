"""The seam to a card: orders of work, marks in them, captures, pinned memory and its figures.

`cuda_card.py` is the real one. `host_card.py` does the same at once on the CPU, for Triton's
interpreter; stand-ins that keep a diary of what is asked are in `scopeside.testing.cards`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class CardMemory:
    """Bytes of the card's memory: of all processes, and of this one's pool.

    `reserved` is what the pool took from the card, `allocated` what of that is in use, `peak` the
    most that was.
    """

    total: int
    free: int
    reserved: int
    allocated: int
    peak: int


class Mark(Protocol):
    """A place in an order of work, which the card reaches later; may be set again and again."""

    def set(self) -> None:
        """Put the mark behind what was asked so far in the order that is in use."""
        ...

    def wait(self) -> None:
        """Let the host wait until the card has reached it, without taking Python's lock."""
        ...

    def seconds_since(self, earlier: Mark) -> float:
        """Return how long the card took from another mark to this; both must be reached."""
        ...


class Line(Protocol):
    """An order of work, in CUDA's words a stream; lines know nothing of each other."""

    def use(self) -> AbstractContextManager[None]:
        """Ask for work in this order within the block."""
        ...

    def after(self, mark: Mark) -> None:
        """Begin what is asked from now on once `mark` is reached; the host does not wait."""
        ...

    def wait(self) -> None:
        """Let the host wait for all that was asked in this order."""
        ...


class Card(Protocol):
    """One device, used by one thread at a time."""

    @property
    def device(self) -> torch.device: ...

    @property
    def title(self) -> str:
        """The device for people."""
        ...

    def line(self, *, urgent: bool = False) -> Line:
        """Return a new order of work; what is `urgent` is begun before what waits in others."""
        ...

    def mark(self) -> Mark: ...

    def inner_mark(self) -> Mark:
        """Return a mark that may be set while work is captured, and is set by every replay."""
        ...

    def pool(self) -> object:
        """Return a new pool for what captured launches need between their kernels.

        It lives as long as a launch that was captured with it, and is not to be used after the
        last.
        """
        ...

    def captured(self, line: Line, work: Callable[[], None], *, pool: object) -> Callable[[], None]:
        """Return a launch of all that `work` asks for, always the same, on the same tensors.

        `work` must have run before, and what is returned is called where `line` is in use. All
        launches with one `pool` must be of one line. Raises RuntimeError where it cannot be
        captured.
        """
        ...

    def pinned(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Return memory of the host that copies to and from the card do not wait for.

        Memory given back is kept for the next: in a steady stream nothing is allocated.
        """
        ...

    def survives(self) -> bool:
        """Try the card after a failure: False where it takes no more work from this process."""
        ...

    def release(self) -> None:
        """Give back what is kept for later and used by nobody."""
        ...

    def memory(self) -> CardMemory | None:
        """Return the figures of its memory; None for a device without any of its own."""
        ...
