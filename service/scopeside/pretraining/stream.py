"""Batches drawn ahead by a process of its own, so that the network waits for none."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from scopeside.errors import ServiceError
from scopeside.pretraining.archive import Archive
from scopeside.pretraining.batches import Batch, Plan, drawn_batch


class BatchStream:
    """The batches from number `first` on, in order, without end; one is drawn ahead."""

    def __init__(self, plan: Plan, *, seed: int, first: int, archive: Archive | None) -> None:
        # Forking would copy torch's locked threads; a fresh process has none.
        context = multiprocessing.get_context("spawn")
        self._reader, writer = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_draw_ahead, args=(plan, seed, first, archive, writer), daemon=True
        )
        with _uninterrupted():
            self._process.start()
        # Only the other end may hold it: then the pipe ends when that process does, even in the
        # middle of a batch.
        writer.close()

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
        self._reader.close()

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches. Raises ServiceError where the drawing process died."""
        while True:
            try:
                batch: Batch = self._reader.recv()
            except (EOFError, OSError):
                self._process.join()
                raise ServiceError(
                    "The process that draws the training batches ended with exit code"
                    f" {self._process.exitcode}; what it printed says why."
                ) from None
            yield batch


def _draw_ahead(
    plan: Plan, seed: int, first: int, archive: Archive | None, writer: Connection
) -> None:
    for number in count(first):
        try:
            writer.send(drawn_batch(plan, seed=seed, number=number, archive=archive))
        except BrokenPipeError:
            return  # the training was killed, and could not end this process


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Start processes that no request to stop, which terminals send to all, reaches.

    The training ends between two steps, and needs its batches until then.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Started within, it would let the signals through again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
