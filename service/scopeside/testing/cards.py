"""Stand-ins for a card and its libraries: they keep a diary, and tell what was asked too early.

Work is done at once on the CPU, but counts as done only when somebody waits for a mark behind it.
So a test sees what a card would make of an order of work; of a card's speed it sees nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet

import torch
from torch import Tensor


class DiaryCard:
    """A card on the CPU that writes down what is asked of it: lines are called by their number.

    A launch of captured work raises the first of `failures`, as long as there is one.
    """

    def __init__(self, *, captures: bool = True, alive: bool = True) -> None:
        self.diary: list[str] = []
        self.lines: list[DiaryLine] = []
        self.alive = alive
        self.released = 0
        self.pinned_shapes: list[tuple[int, ...]] = []
        self.failures: list[Exception] = []
        self._captures = captures
        self._current: list[DiaryLine] = []
        self._now = 0

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    @property
    def title(self) -> str:
        return "diary"

    @property
    def current(self) -> DiaryLine:
        """The line in use; RuntimeError where there is none."""
        if not self._current:
            raise RuntimeError("Work was asked for outside of every line.")
        return self._current[-1]

    def line(self, *, urgent: bool = False) -> DiaryLine:
        self.lines.append(DiaryLine(self, len(self.lines), urgent=urgent))
        return self.lines[-1]

    def mark(self) -> DiaryMark:
        return DiaryMark(self)

    def inner_mark(self) -> DiaryMark:
        return DiaryMark(self)

    def pool(self) -> DiaryPool:
        return DiaryPool()

    def captured(
        self, line: DiaryLine, work: Callable[[], None], *, pool: DiaryPool
    ) -> Callable[[], None]:
        if not self._captures:
            raise RuntimeError("This work cannot be captured.")
        if pool.lines and not pool.launches:
            raise RuntimeError("A pool was used again after its last graph was gone.")
        pool.lines.add(line.number)
        if len(pool.lines) > 1:
            raise RuntimeError("Graphs of lines that run side by side share their memory.")

        def replay() -> None:
            if self.current is not line:
                raise RuntimeError("A graph was launched in another line than its own.")
            self.diary.append(f"replay in {line.number}")
            if self.failures:
                raise self.failures.pop(0)
            work()

        pool.launches.add(replay)
        return replay

    def pinned(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        self.pinned_shapes.append(shape)
        return torch.empty(shape, dtype=dtype)

    def survives(self) -> bool:
        return self.alive

    def release(self) -> None:
        self.released += 1

    def memory(self) -> None:
        return None

    def tick(self) -> int:
        """Return a time later than all before."""
        self._now += 1
        return self._now

    @contextmanager
    def using(self, line: DiaryLine) -> Iterator[None]:
        """Let a line be the current one within the block."""
        self._current.append(line)
        try:
            yield
        finally:
            self._current.pop()


class DiaryPool:
    """Memory of graphs: the lines it was captured in, and the launches that there still are."""

    def __init__(self) -> None:
        self.lines: set[int] = set()
        self.launches: WeakSet[Callable[[], None]] = WeakSet()


class DiaryLine:
    """An order of work; `marks` and what it waited for, in order."""

    def __init__(self, card: DiaryCard, number: int, *, urgent: bool) -> None:
        self.card = card
        self.number = number
        self.urgent = urgent
        self.before: list[_Place] = []

    @contextmanager
    def use(self) -> Iterator[None]:
        with self.card.using(self), torch.inference_mode():
            yield

    def after(self, mark: DiaryMark) -> None:
        self.card.diary.append(f"{self.number} waits for {mark.place.line}")
        self.before.append(mark.place)

    def wait(self) -> None:
        self.card.diary.append(f"host waits for line {self.number}")
        for place in self.before:
            place.reach()


class DiaryMark:
    """A place in a line that is reached when somebody waited for it, or for what is behind it."""

    def __init__(self, card: DiaryCard) -> None:
        self._card = card
        self._place: _Place | None = None

    @property
    def place(self) -> _Place:
        """Where it was set last; RuntimeError for a mark that was not."""
        if self._place is None:
            raise RuntimeError("The mark was never set.")
        return self._place

    def set(self) -> None:
        line = self._card.current
        self._place = _Place(line=line.number, at=self._card.tick(), before=tuple(line.before))
        line.before.append(self._place)

    def wait(self) -> None:
        self._card.diary.append(f"host waits for {self.place.line}")
        self.place.reach()

    def seconds_since(self, earlier: Any) -> float:
        if not (self.place.reached and earlier.place.reached):
            raise RuntimeError("A time was asked for before the card had got there.")
        return float(self.place.at - earlier.place.at)


@dataclass(slots=True, kw_only=True)
class _Place:
    line: int
    at: int
    before: tuple[_Place, ...] = field(repr=False)
    reached: bool = field(default=False)

    def reach(self) -> None:
        """Count this, and all that has to be done before it, as done."""
        if not self.reached:
            self.reached = True
            for place in self.before:
                place.reach()


class FixedGraphLibrary:
    """A cuGraph that knows the answer, in whatever numbers, and remembers what it was asked."""

    version = "fixed"
    device = torch.device("cpu")

    def __init__(self, labels_N: Any) -> None:
        self._labels_N = torch.as_tensor(labels_N)
        self.asked: list[dict[str, Any]] = []

    def louvain(
        self, offsets: Tensor, neighbours_E: Tensor, weights_E: Tensor, **how: Any
    ) -> Tensor:
        graph = {"offsets": offsets, "neighbours_E": neighbours_E, "weights_E": weights_E}
        self.asked.append({name: tensor.clone() for name, tensor in graph.items()} | how)
        return self._labels_N
