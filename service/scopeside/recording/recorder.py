"""The recording process: takes messages from the tap, writes them, says how far it is.

A process of its own, because after a failed write (a full disk) HDF5 cannot be closed, and the
process that used it crashes at its end (measured, docs/adr/0026), and because packing, checksums
and compression would take turns with the service's threads at the interpreter lock. Here both cost
the recording and nothing else.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import zmq

from scopeside.errors import FatalError
from scopeside.recording.layout import RecordedMessage
from scopeside.recording.packets import Progress, decode_packet, encode_progress
from scopeside.recording.store import MessageStore

COMMIT_S = 0.25
"""Longest time that a message waits to be committed: well within the second that a process that
is killed may lose."""

BATCH_BYTES = 8 * 2**20
"""Messages are written together up to this size: a write has a cost of its own (0.3 ms)."""

BATCH_MESSAGES = 2000


@dataclass(slots=True)
class _Count:
    messages: int = 0
    bytes: int = 0


class Recorder:
    """Moves messages from a PAIR socket to a store until the tap says so or is gone.

    `parent_fd` is a pipe that ends when the tap's process does, however it ends.
    """

    def __init__(
        self, socket: zmq.Socket[bytes], open_store: Callable[[], MessageStore], *, parent_fd: int
    ) -> None:
        self._socket = socket
        self._open_store = open_store
        self._parent_fd = parent_fd
        self._poller = zmq.Poller()
        self._poller.register(socket, zmq.POLLIN)
        self._poller.register(parent_fd, zmq.POLLIN)
        self._count = _Count()
        self._store: MessageStore | None = None
        self._dropped_after: int | None = None
        """What the tap dropped at the end; None until it has said that this is the end, and where
        it was killed before it could."""

    def run(self) -> int:
        """Record to the end; return the exit code, after the tap has been told."""
        try:
            self._store = self._open_store()
            self._tell()
            self._record(self._store)
            # Told apart from the end, which waits for the disk to confirm all of it.
            self._store.commit()
            self._tell()
            self._store.close(dropped_after=self._dropped_after)
            self._tell(closed=True)
        except FatalError as error:
            self._tell(error=str(error))
            return error.exit_code
        return 0

    def _record(self, store: MessageStore) -> None:
        due_s: float | None = None
        while self._dropped_after is None:
            wait_s = 1.0 if due_s is None else max(0.0, due_s - time.monotonic())
            ready = dict(self._poller.poll(int(1000 * wait_s)))
            batch = self._batch() if self._socket in ready else []
            if batch:
                store.append(batch)
                self._count.messages += len(batch)
                self._count.bytes += sum(message.size_bytes for message in batch)
                due_s = time.monotonic() + COMMIT_S if due_s is None else due_s
                self._tell()
            if due_s is not None and time.monotonic() >= due_s:
                store.commit()
                due_s = None
                self._tell()
            if not batch and self._parent_fd in ready and self._parent_is_gone():
                return

    def _batch(self) -> list[RecordedMessage]:
        """Take what has come, as far as it is written together."""
        batch: list[RecordedMessage] = []
        size = 0
        while size < BATCH_BYTES and len(batch) < BATCH_MESSAGES:
            try:
                packet = self._socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                break
            message = decode_packet([part.buffer for part in packet])
            if not isinstance(message, RecordedMessage):
                self._dropped_after = message
                break
            batch.append(message)
            size += message.size_bytes
        return batch

    def _parent_is_gone(self) -> bool:
        return os.read(self._parent_fd, 1) == b""

    def _tell(self, *, closed: bool = False, error: str | None = None) -> None:
        progress = Progress(
            messages=self._count.messages,
            bytes=self._count.bytes,
            committed=0 if self._store is None else self._store.committed,
            files=0 if self._store is None else self._store.files,
            closed=closed,
            error=error,
        )
        try:
            self._socket.send(encode_progress(progress), zmq.NOBLOCK)
        except zmq.Again:
            # The tap is gone, or reads nothing: what it misses, the next word makes good.
            return
