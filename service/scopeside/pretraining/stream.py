"""Batches drawn ahead by a process of its own, so that the network waits for none."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from multiprocessing.queues import Queue
from queue import Empty, Full
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
        with _uninterrupted():
            self._process.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
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
    parent = multiprocessing.parent_process()
    for number in count(first):
        batch = drawn_batch(plan, seed=seed, number=number, archive=archive)
        while not _put(queue, batch):
            if parent is not None and not parent.is_alive():
                # Killed, it could not end this process, which would wait for it for ever.
                queue.cancel_join_thread()
                return


def _put(queue: Queue[Batch], batch: Batch) -> bool:
    try:
        queue.put(batch, timeout=PATIENCE_S)
    except Full:
        return False
    return True


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Start processes that no request to stop, which terminals send to all, reaches.

    The training ends between two steps, and needs its batches until then.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
