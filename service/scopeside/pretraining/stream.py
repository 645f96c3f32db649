"""Batches drawn ahead by a process of its own, so that the network waits for none."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from multiprocessing.queues import Queue
from queue import Empty
from types import TracebackType
from typing import Self

from scopeside.errors import ServiceError
from scopeside.pretraining.archive import Archive
from scopeside.pretraining.batches import Batch, Plan, drawn_batch

AHEAD = 8
PATIENCE_S = 1.0
"""How long to wait for a batch before asking whether the process still lives."""


class BatchStream:
    """The batches from number `first` on, in order, without end."""

    def __init__(self, plan: Plan, *, seed: int, first: int, archive: Archive | None) -> None:
        # Forking would copy torch's locked threads; a fresh process has none.
        context = multiprocessing.get_context("spawn")
        self._queue: Queue[Batch] = context.Queue(maxsize=AHEAD)
        self._process = context.Process(
            target=_draw_ahead, args=(plan, seed, first, archive, self._queue), daemon=True
        )
        self._process.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.join()
        self._queue.close()

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches. Raises ServiceError where the drawing process died."""
        while True:
            try:
                yield self._queue.get(timeout=PATIENCE_S)
            except Empty:
                if not self._process.is_alive():
                    raise ServiceError(
                        "The process that draws the training batches ended with exit code"
                        f" {self._process.exitcode}; what it printed says why."
                    ) from None


def _draw_ahead(
    plan: Plan, seed: int, first: int, archive: Archive | None, queue: Queue[Batch]
) -> None:
    number = first
    while True:
        queue.put(drawn_batch(plan, seed=seed, number=number, archive=archive))
        number += 1
