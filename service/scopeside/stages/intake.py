"""From the parts of a message to a frame that waits for compute: all of ingest but the socket.

Every message that comes in here is in the books when `feed` returns: put into the channel, or
counted as dropped or duplicate.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event, Lock
from typing import Literal, Protocol

from scopeside.channels import ClosedChannelError
from scopeside.errors import DropError, DropReason
from scopeside.messages import Accounting, Frame
from scopeside.settings import LimitSettings
from scopeside.stages.books import Books
from scopeside.stages.reports import Emit, Reports
from scopeside.stages.series import Admission, SeriesGate
from scopeside.wire.arrays import Buffer
from scopeside.wire.incoming import FrameMessage, Message, StartMessage
from scopeside.wire.native import decode_message


class FrameQueue(Protocol):
    """Where frames wait for compute: what intake needs of `runtime.channels.Channel`."""

    @property
    def policy(self) -> Literal["latest", "lossless", "deadline"]: ...

    def put(self, item: Frame) -> Frame | None:
        """Put a frame in; return the one that had to make room, if any.

        Raises ClosedChannelError once no more is taken.
        """
        ...

    def wait_for_room(self, *, timeout_s: float | None = None) -> bool: ...


class Intake:
    """Decodes, gates, counts and queues. One thread feeds; any may use the rest.

    While paused nothing is queued: frames are dropped as `overload` (with policy `lossless` the
    socket is left unread instead, so none arrive here).
    """

    def __init__(
        self,
        *,
        limits: LimitSettings,
        frames: FrameQueue,
        books: Books,
        emit: Emit,
        same_host: bool,
    ) -> None:
        self.books = books
        self.frames = frames
        self.gate = SeriesGate(books, remembered=limits.open_series, emit=emit)
        self.reports = Reports(emit)
        self._limits = limits
        self._same_host = same_host
        self._paused = Event()
        self._decoding = False
        self._entering = Lock()

    @property
    def paused(self) -> bool:
        return self._paused.is_set()

    def pause(self) -> None:
        """Queue nothing until `resume`."""
        self._paused.set()

    def resume(self) -> None:
        """Queue frames again."""
        self._paused.clear()

    def feed(self, parts: Sequence[Buffer], *, at_ns: int, at_s: float) -> None:
        """Take one message, received at `at_ns` (wall clock) and `at_s` (monotonic).

        Never raises for what a sender can do; waits only when a `lossless` channel is full.
        """
        self._decoding = True
        message: Message | DropError
        try:
            message = decode_message(parts, self._limits)
        except DropError as error:
            message = error
        # Held to the end, so that a message is counted here or given up, never both.
        with self._entering:
            if self._decoding:
                self._decoding = False
                self._enter(message, at_ns=at_ns, at_s=at_s)

    def give_up(self) -> None:
        """Count the message that is still being decoded, if any; its thread will discard it.

        For a service that stops while a message outlasts every bound, or after the feeding thread
        died. The channel must be closed, or this may wait for room in it.
        """
        with self._entering:
            unread, self._decoding = self._decoding, False
        if unread:
            self.books.reject(None, DropReason.DEADLINE)
            self.reports.dropped(
                DropReason.DEADLINE,
                "The service stopped before it was decoded.",
                series=None,
                frame=None,
            )

    def _enter(self, message: Message | DropError, *, at_ns: int, at_s: float) -> None:
        if isinstance(message, DropError):
            self.books.reject(message.series, message.reason, message.frame)
            self.reports.dropped(
                message.reason, str(message), series=message.series, frame=message.frame
            )
        elif isinstance(message, FrameMessage):
            self._frame(message, at_ns=at_ns, at_s=at_s)
        elif isinstance(message, StartMessage):
            if (
                self.gate.start(message.series, pixel_size_m=message.pixel_size_m)
                is Admission.STALE
            ):
                self._report_stale(message.series, None)
        else:
            self.gate.end(message.series, frames=message.frames)

    def drop(self, frame: Frame, reason: DropReason, message: str) -> Accounting:
        """Drop a frame that was in flight; return the books of its series."""
        accounting = self.books.drop(frame.series, reason)
        self.reports.dropped(reason, message, series=frame.series, frame=frame.number)
        return accounting

    def published(self, series: str) -> None:
        """Note that a result was sent; tell the end of its series if that was the last."""
        self.books.published(series)
        self.gate.settle()

    def settle(self) -> None:
        """Tell what has become due: final books of series, and drops summed up."""
        self.gate.settle()
        self.reports.flush()

    def finish(self) -> None:
        """Tell everything that is left to tell, now that nothing more is fed or computed."""
        self.gate.stop()
        self.reports.flush(everything=True)

    def _frame(self, message: FrameMessage, *, at_ns: int, at_s: float) -> None:
        admission = self.gate.admit(message.series, message.number)
        if admission is Admission.NEW:
            self._queue(
                message.received(
                    at_ns=at_ns,
                    at_s=at_s,
                    same_host=self._same_host,
                    pixel_size_m=self.gate.pixel_size_m(message.series),
                )
            )
        elif admission is Admission.STALE:
            self._report_stale(message.series, message.number)
        elif admission is Admission.LATE:
            self.reports.dropped(
                DropReason.OUT_OF_ORDER,
                "It came after a frame with a higher number; results keep their order.",
                series=message.series,
                frame=message.number,
            )

    def _queue(self, frame: Frame) -> None:
        if self.paused and self.frames.policy != "lossless":
            self.drop(frame, DropReason.OVERLOAD, "It came while the service was paused.")
            return
        try:
            displaced = self.frames.put(frame)
        except ClosedChannelError:
            self.drop(frame, DropReason.DEADLINE, "The service stopped before it was computed.")
            return
        if displaced is not None:
            self.drop(displaced, DropReason.OVERLOAD, "A newer frame took its place.")

    def _report_stale(self, series: str, number: int | None) -> None:
        self.reports.dropped(
            DropReason.STALE,
            "Its series has ended, or a newer one overtook it.",
            series=series,
            frame=number,
        )
