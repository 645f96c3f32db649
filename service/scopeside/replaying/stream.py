"""Sends one source to one endpoint, every item at its own time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from scopeside.client.lateness import Lateness
from scopeside.client.pacing import Pacer
from scopeside.client.publisher import FramePublisher
from scopeside.errors import ServiceError
from scopeside.recording.layout import Kind
from scopeside.replaying.ahead import Ahead
from scopeside.replaying.item import Item, Message, Source
from scopeside.replaying.pace import Pace
from scopeside.wire.native import encode_end

READY_S = 0.1
"""Longest wait between two looks at whether to stop."""

NAMED_SERIES = 1000

END_WAIT_S = 1.0
"""Longest wait to say that a series ended, where the receiver is gone or full."""


@dataclass(slots=True, kw_only=True)
class Sent:
    """What went out so far; the thread that sends writes it, any may read it."""

    frames: int = 0
    messages: int = 0
    bytes: int = 0
    began_s: float = 0.0
    seconds: float = 0.0
    stopped: bool = False
    lateness: Lateness = field(default_factory=Lateness)

    @property
    def rate_hz(self) -> float:
        return self.frames / self.seconds if self.seconds > 0 else 0.0


class Stream:
    """One source, its pace and its publisher; `run` in one thread.

    `t_ns` of what is sent is the moment at which it was *due*: a send that is late counts in every
    latency measured from it. A PUSH socket that finds no receiver for `patience_s` (0: for ever)
    is a ServiceError; until then it waits, and what follows is late.
    """

    def __init__(
        self,
        source: Source,
        publisher: FramePublisher,
        *,
        pace: Pace,
        stopped: Callable[[], bool],
        patience_s: float = 0.0,
    ) -> None:
        self.source = source
        self.publisher = publisher
        self.sent = Sent()
        self._pace = pace
        self._stopped = stopped
        self._patience_s = patience_s
        self._open: dict[str, int] = {}
        self.series: list[str] = []
        """The series sent, in order of appearance; `NAMED_SERIES` of them at most."""

    @property
    def paced(self) -> bool:
        """Whether frames go at their times, and not one right after the other."""
        return self._pace.speed is not None or self._pace.rate_hz is not None

    def run(self) -> Sent:
        """Send everything, or what there is until stopped; then end the series left open."""
        pacer = Pacer(period_s=self._pace.period_s(self.source.period_s))
        self.sent.lateness = pacer.lateness
        ahead = Ahead(self._pace.schedule(self.source.items()), item_bytes=self.source.item_bytes)
        try:
            ahead.fill(stopped=self._stopped)
            self.sent.began_s = time.monotonic()
            for item, due_s in ahead:
                if not self._send_at(pacer, item, due_s):
                    break
            self._end_series()
        finally:
            if self.sent.began_s:
                self.sent.seconds = time.monotonic() - self.sent.began_s
            self.sent.stopped = self._stopped()
            ahead.close()
        return self.sent

    def _send_at(self, pacer: Pacer, item: Item, due_s: float | None) -> bool:
        """Send one item when it is due; False where stopped before."""
        now_ns = time.time_ns()
        if due_s is None:
            if self._stopped() or not self._send(item.encode(now_ns)):
                return False
        else:
            # Made before its time, so that making it takes none of it.
            message = item.encode(now_ns + round(1e9 * pacer.left_s(due_s)))
            if not pacer.wait_until(due_s, stopped=self._stopped) or not self._ready():
                return False
            pacer.sent(due_s)
            self._send_now(message)
        self._note(item)
        return True

    def _send(self, message: Message) -> bool:
        if not self._ready():
            return False
        self._send_now(message)
        return True

    def _ready(self) -> bool:
        """Wait until the socket takes a message; False where stopped before."""
        since_s = time.monotonic()
        while not self.publisher.ready(READY_S):
            if self._stopped():
                return False
            if 0 < self._patience_s <= time.monotonic() - since_s:
                raise ServiceError(
                    f"No receiver took a message at {self.publisher.endpoint} for "
                    f"{self._patience_s:g} s: see whether the service still runs."
                )
        return True

    def _send_now(self, message: Message) -> None:
        self.publisher.send(message)
        self.sent.messages += 1
        self.sent.bytes += sum(map(len, message))

    def _note(self, item: Item) -> None:
        if item.kind is Kind.FRAME:
            self.sent.frames += 1
        if item.series is None:
            return
        if item.series not in self._open and len(self.series) < NAMED_SERIES:
            self.series += [item.series] if item.series not in self.series[-1:] else []
        if item.kind is Kind.END:
            self._open.pop(item.series, None)
        elif item.kind is not Kind.OTHER:
            self._open[item.series] = self._open.get(item.series, 0) + (item.kind is Kind.FRAME)

    def _end_series(self) -> None:
        """End what is open, with what was sent of it: what was lost is the receiver's to find."""
        if not self.source.ends_series:
            return
        for series, frames in self._open.items():
            if self.publisher.ready(END_WAIT_S):
                self._send_now(encode_end(series=series, t_ns=time.time_ns(), frames=frames))
