"""Hears a service's results and, where they are wanted, the frames that they are of, in pairs."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import zmq

from scopeside.client.connection import ClientKeys, connected
from scopeside.errors import DropError
from scopeside.saving.packet import FrameFacts, savable
from scopeside.saving.pairing import HeardResult, Pairing
from scopeside.settings import LimitSettings
from scopeside.wire.native import decode_message

HWM_MESSAGES = 1000
"""Messages that ZeroMQ holds while Python is busy."""


@dataclass(slots=True)
class Heard:
    """What came so far; `missed` are results that the service sent and that never arrived here."""

    results: int = 0
    missed: int = 0
    malformed: int = 0
    unpaired: int = 0


class Hearing:
    """SUB sockets to the results and, where `frames` is given, to who publishes the frames.

    Raises EndpointError where one cannot be connected. `keys` are those of the service's results.
    Not to be shared between threads.
    """

    def __init__(
        self, results: str, *, frames: str | None = None, keys: ClientKeys | None = None
    ) -> None:
        self.heard = Heard()
        self.last_problem: str | None = None
        self._segmented: tuple[str, int] | None = None
        self._pairing = None if frames is None else Pairing()
        self._limits = LimitSettings()
        self._poller = zmq.Poller()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._frames: zmq.Socket[bytes] | None = None
        options = {zmq.RCVHWM: HWM_MESSAGES}
        try:
            if frames is not None:
                self._frames = connected(self._context, zmq.SUB, frames, options=options)
                self._poller.register(self._frames, zmq.POLLIN)
            self._results = connected(self._context, zmq.SUB, results, options=options, keys=keys)
            self._poller.register(self._results, zmq.POLLIN)
        except BaseException:
            self.close()
            raise

    def turn(self, wait_s: float) -> Iterator[tuple[HeardResult, FrameFacts]]:
        """Wait a moment for messages and yield what belongs together, in the results' order."""
        self._poller.poll(int(1000 * wait_s))
        # Patience is judged by a moment whose frames have all been taken: this thread may stand
        # still for longer than that, with the frame in the socket.
        now_s = time.monotonic()
        # Frames first: a result's frame is then there, where it has come at all.
        self._take_frames()
        for heard in self._take_results():
            if self._pairing is None:
                yield heard, FrameFacts()
            else:
                self._pairing.result(heard)
        if self._pairing is not None:
            yield from self._pairing.ready(now_s=now_s)
            self.heard.unpaired = self._pairing.unpaired

    def rest(self) -> Iterator[tuple[HeardResult, FrameFacts]]:
        """Yield the results that still wait for their frames, when nothing more is heard."""
        if self._pairing is not None:
            yield from self._pairing.ready(now_s=math.inf)
            self.heard.unpaired = self._pairing.unpaired

    def close(self) -> None:
        self._context.destroy(linger=0)

    def _take_frames(self) -> None:
        if self._frames is None or self._pairing is None:
            return
        for _ in range(HWM_MESSAGES):
            try:
                parts = self._frames.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            try:
                self._pairing.frame(decode_message([part.buffer for part in parts], self._limits))
            except DropError as error:
                self._malformed(error)

    def _take_results(self) -> Iterator[HeardResult]:
        for _ in range(HWM_MESSAGES):
            try:
                (*rest, message) = self._results.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            try:
                result = savable(b"" if rest else message)
            except DropError as error:
                self._malformed(error)
                continue
            self._count(result.series, result.accounting.segmented)
            yield HeardResult(
                series=result.series,
                frame=result.frame,
                message=message,
                at_s=time.monotonic(),
                at_ns=time.time_ns(),
            )

    def _count(self, series: str, segmented: int) -> None:
        """Every result says the how manyth of its series it is: what lacks between is missed."""
        self.heard.results += 1
        if self._segmented is not None and self._segmented[0] == series:
            self.heard.missed += max(0, segmented - self._segmented[1] - 1)
        self._segmented = (series, segmented)

    def _malformed(self, error: DropError) -> None:
        self.heard.malformed += 1
        self.last_problem = str(error)
