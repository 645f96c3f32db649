"""The CPU in place of a card: everything is done where it is asked for.

For Triton's interpreter and for rehearsals. What it measures is the interpreter.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor

from scopeside.device.card import Line, Mark


class HostMark:
    """The moment at which it was set: nothing is ever outstanding."""

    def __init__(self) -> None:
        self.at_s = 0.0

    def set(self) -> None:
        self.at_s = time.perf_counter()

    def wait(self) -> None:
        """It is reached as soon as it is set."""

    def seconds_since(self, earlier: Mark) -> float:
        return self.at_s - cast(HostMark, earlier).at_s


class HostLine:
    """Does what is asked at once, so every line is in order with every other."""

    @contextmanager
    def use(self) -> Iterator[None]:
        with torch.inference_mode():
            yield

    def after(self, mark: Mark) -> None:
        """It is reached already."""

    def wait(self) -> None:
        """Nothing is outstanding."""


class HostCard:
    """The processor, by torch's device `cpu`."""

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    @property
    def title(self) -> str:
        return "cpu (Triton's interpreter)"

    def line(self, *, urgent: bool = False) -> HostLine:
        del urgent
        return HostLine()

    def mark(self) -> HostMark:
        return HostMark()

    def inner_mark(self) -> HostMark:
        return HostMark()

    def pool(self) -> None:
        """Return nothing: there is no memory but the processor's."""

    def captured(self, line: Line, work: Callable[[], None], *, pool: object) -> Callable[[], None]:
        """Return the work itself: asked for again, it does the same on the same tensors."""
        del line, pool
        return work

    def pinned(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        return torch.empty(shape, dtype=dtype)

    def survives(self) -> bool:
        return True

    def release(self) -> None:
        """Nothing is kept."""

    def memory(self) -> None:
        return None
