"""Copies a stream into a recording without ever waiting for it.

    any thread -> offer -> [at most queue_bytes under way] -> recording process -> HDF5

What does not fit is dropped and counted, and the next message that is recorded says how many were
lost before it. Nothing here raises once the recording has begun.
"""

from __future__ import annotations

import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import zmq

from scopeside.errors import MissingExtraError, OutputError
from scopeside.recording.packets import Progress, decode_progress, encode_stamp
from scopeside.wire.arrays import Buffer

MESSAGE_BYTES = 512
"""What a message under way costs beside its bytes: the bookkeeping of its parts."""

START_S = 30.0
"""Longest time for the recording process to start: it loads HDF5, on a busy machine."""

CLOSE_S = 10.0
"""Longest time without any progress while it writes what is under way."""

SYNC_S = 60.0
"""Longest time for the disk to confirm what is written: it may have gigabytes to catch up with, and
says nothing meanwhile."""

OVERLOAD = "_overload"
"""End of the code of a message that was dropped since the queue is full."""

MOST_DROPPED = 2**32 - 1
"""`dropped_before` has 32 bits in the file."""

_LOOK_MS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How a tap speaks of what it does: codes of its reports, and the words of its sentences."""

    code: str
    noun: str
    verb: str


RECORDING = Wording(code="record", noun="recording", verb="recorded")


class TapSpec(Protocol):
    """What the process at the other end is to write, and how much may be under way to it."""

    @property
    def path(self) -> Path: ...

    @property
    def queue_bytes(self) -> int: ...

    @property
    def queue_name(self) -> str:
        """Return the option or setting that says `queue_bytes`."""
        ...

    def words(self) -> list[str]:
        """Return the arguments of the process, after the tap's endpoint."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSpec:
    """What to record into: settings `record.*`, and the endpoint that messages come from."""

    path: Path
    source: str
    compression: str = "none"
    split_bytes: int = 0
    queue_bytes: int = 256 * 2**20
    queue_name: str = "record.queue_bytes"
    """What the user knows `queue_bytes` as."""

    def words(self) -> list[str]:
        return [
            str(self.path),
            f"--source={self.source}",
            f"--compression={self.compression}",
            f"--split-bytes={self.split_bytes}",
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class TapStatistics:
    """`offered = recorded + dropped + under way`; after `close` nothing is under way."""

    offered: int
    recorded: int
    dropped: int
    files: int
    error: str | None


class Tap:
    """Starts the recording process and hands it messages; one thread offers and looks.

    `program` is that process, in the words of `wording`: there is more than one thing to write.
    Raises OutputError or MissingExtraError where the recording cannot begin. `report` is told,
    in one sentence, of every message dropped (to sum them up is its business) and of the end of a
    recording that failed.
    """

    def __init__(
        self,
        spec: TapSpec,
        *,
        report: Callable[[str, str], None] = lambda _code, _sentence: None,
        program: str = "scopeside.recording.process",
        wording: Wording = RECORDING,
    ) -> None:
        self._spec = spec
        self._wording = wording
        self._report = report
        self._folder = tempfile.TemporaryDirectory(prefix="scopeside-tap-")  # this user's alone
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.PAIR)
        # Bytes are what is bounded, by `offer`: a bound in messages would be met at random.
        self._socket.setsockopt(zmq.SNDHWM, 0)
        self._socket.setsockopt(zmq.LINGER, 0)
        endpoint = f"ipc://{self._folder.name}/tap"
        self._socket.bind(endpoint)
        self._sent = self._sent_bytes = 0
        self._dropped = self._dropped_untold = 0
        self._progress = Progress()
        self._error: str | None = None
        # Without the current folder on its path, where a file may be called as a package is.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", program, endpoint, *spec.words()], stdin=subprocess.PIPE
        )
        try:
            self._await_start()
        except BaseException:
            self._end()
            raise
        # Both ends have met, and nobody else ever may: a process that is killed leaves nothing.
        self._folder.cleanup()

    @property
    def error(self) -> str | None:
        """Why nothing is recorded any more, as one sentence; None while all is well."""
        return self._error

    def offer(self, parts: Sequence[Buffer | zmq.Frame], *, at_ns: int, at_s: float) -> bool:
        """Hand over one message, received at `at_ns` (wall clock) and `at_s` (monotonic).

        Never waits and copies nothing: do not change what the parts hold. Returns False where the
        message was dropped, which is counted.
        """
        size = sum(map(len, parts))
        if self._error is not None or not self._room_for(size):
            self._drop()
            return False
        stamp = encode_stamp(round(at_s * 1e9), at_ns, self._dropped_untold)
        try:
            self._socket.send_multipart([stamp, *parts], zmq.NOBLOCK, copy=False)
        except zmq.Again:  # nobody is at the other end, and no disk is too slow
            self.look()
            self._count_dropped()
            return False
        self._sent += 1
        self._sent_bytes += size
        self._dropped_untold = 0
        return True

    def wait_for_room(self, size: int, *, timeout_s: float) -> bool:
        """Wait until a message of this size would not be dropped; False after `timeout_s`, or
        where nothing is recorded any more."""
        until_s = time.monotonic() + timeout_s
        while self._error is None and not self._room_for(size):
            left_ms = int(1000 * (until_s - time.monotonic()))
            if left_ms <= 0:
                return False
            self._socket.poll(min(left_ms, _LOOK_MS))
            self.look()
        return self._error is None

    def look(self) -> None:
        """Take in what the recording process says, and notice its end."""
        ended = self._process.poll() is not None  # asked first: its last word may be on the way
        self._read_progress()
        if self._error is None and not self._progress.closed and ended:
            self._fail(
                f"The {self._wording.noun} {self._spec.path} ended, because its process did "
                f"(exit code {self._process.returncode}): what it had committed can be read."
            )

    def close(self, *, patience_s: float = CLOSE_S, limit_s: float = math.inf) -> TapStatistics:
        """End the recording and wait for what is under way; what does not make it is counted.

        As long as there is progress, up to `limit_s`; for `patience_s` without any. Closing twice
        is harmless.
        """
        if self._socket.closed:
            return self.statistics()
        if self._error is None:
            with suppress(zmq.Again):  # nobody is at the other end: `look` finds out why
                self._socket.send(encode_stamp(0, 0, self._dropped_untold), zmq.NOBLOCK)
            self._await_end(patience_s, limit_s)
        self._end()
        self._dropped += self._sent - self._progress.committed
        self._sent = self._progress.committed
        return self.statistics()

    def statistics(self) -> TapStatistics:
        """Return what became of the messages so far; any thread may ask."""
        return TapStatistics(
            offered=self._sent + self._dropped,
            recorded=self._progress.committed,
            dropped=self._dropped,
            files=self._progress.files,
            error=self._error,
        )

    def _room_for(self, size: int) -> bool:
        if self._fits(size):
            return True
        self._read_progress()
        return self._fits(size)

    def _fits(self, size: int) -> bool:
        """A message by itself always fits: else one larger than the queue never would."""
        under_way = self._sent - self._progress.messages
        held = self._sent_bytes - self._progress.bytes + MESSAGE_BYTES * under_way
        return under_way == 0 or held + size + MESSAGE_BYTES <= self._spec.queue_bytes

    def _count_dropped(self) -> None:
        self._dropped += 1
        self._dropped_untold = min(self._dropped_untold + 1, MOST_DROPPED)

    def _drop(self) -> None:
        self._count_dropped()
        if self._error is None:
            self._report(
                f"{self._wording.code}{OVERLOAD}",
                f"Messages are not {self._wording.verb} in {self._spec.path}: its disk is slower "
                f"than they come, and {self._spec.queue_bytes / 2**20:.3g} MiB of them wait, as "
                f"many as {self._spec.queue_name} allows.",
            )

    def _read_progress(self) -> None:
        while True:
            try:
                self._progress = decode_progress(self._socket.recv(zmq.NOBLOCK))
            except zmq.Again:
                return
            if self._progress.error is not None:
                self._fail(self._progress.error)

    def _fail(self, sentence: str) -> None:
        self._error = sentence
        self._report(f"{self._wording.code}_failed", sentence)

    def _await_start(self) -> None:
        until_s = time.monotonic() + START_S
        while self._progress.files == 0 and self._error is None:
            if time.monotonic() >= until_s:
                self._fail(
                    f"The {self._wording.noun} {self._spec.path} did not begin within "
                    f"{START_S:g} s."
                )
            self._socket.poll(_LOOK_MS)
            self.look()
        if self._error is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(CLOSE_S)
            kind = (
                MissingExtraError
                if self._process.returncode == MissingExtraError.exit_code
                else OutputError
            )
            raise kind(self._error)

    def _await_end(self, patience_s: float, limit_s: float) -> None:
        begun_s = moved_s = time.monotonic()
        while self._error is None and not self._progress.closed:
            before, now_s = self._progress, time.monotonic()
            written = before.committed == self._sent
            still_s = now_s - moved_s
            if still_s >= (max(patience_s, SYNC_S) if written else patience_s) or (
                now_s - begun_s >= limit_s
            ):
                left = "" if written else f", with {self._sent - before.committed} messages to go"
                self._fail(
                    f"The {self._wording.noun} {self._spec.path} was not finished within "
                    f"{now_s - begun_s:.0f} s{left}: its disk is too slow; what was committed can "
                    "be read."
                )
            self._socket.poll(_LOOK_MS)
            self.look()
            if self._progress != before:
                moved_s = time.monotonic()

    def _end(self) -> None:
        if self._error is not None:
            self._process.kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
        self._socket.close()
        self._context.term()
        self._folder.cleanup()
