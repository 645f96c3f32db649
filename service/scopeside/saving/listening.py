"""Receives results, and frames where they are asked for, into a tap: what `scopeside save` does."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import zmq

from scopeside.client.connection import ClientKeys, connected
from scopeside.errors import DropError, OutputError
from scopeside.recording.tap import Tap
from scopeside.saving.packet import FrameFacts, encode_saved, savable
from scopeside.saving.pairing import HeardResult, Pairing
from scopeside.settings import LimitSettings
from scopeside.wire.native import decode_message

TURN_S = 0.05
"""Longest wait for a message before looking at the tap and whether to stop."""

HWM_MESSAGES = 1000
"""Messages that ZeroMQ holds while Python is busy; the tap's queue is what absorbs bursts."""


@dataclass(slots=True)
class Saved:
    """What came so far; `missed` are results that the service sent and that never arrived here."""

    results: int = 0
    missed: int = 0
    malformed: int = 0
    unpaired: int = 0


class SaveListener:
    """SUB sockets to the results and, where `frames` is given, to who publishes the frames.

    Raises EndpointError where one cannot be connected. `keys` are those of the service's results.
    """

    def __init__(
        self, results: str, *, frames: str | None = None, keys: ClientKeys | None = None
    ) -> None:
        self.saved = Saved()
        self.last_problem: str | None = None
        self._segmented: tuple[str, int] | None = None
        self._pairing = None if frames is None else Pairing()
        self._limits = LimitSettings()
        self._poller = zmq.Poller()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        options = {zmq.RCVHWM: HWM_MESSAGES}
        try:
            self._frames = (
                None
                if frames is None
                else connected(self._context, zmq.SUB, frames, options=options)
            )
            self._results = connected(self._context, zmq.SUB, results, options=options, keys=keys)
        except BaseException:
            self.close()
            raise
        for socket in (self._frames, self._results):
            if socket is not None:
                self._poller.register(socket, zmq.POLLIN)

    def listen(self, tap: Tap, *, until: Callable[[Saved], bool]) -> None:
        """Hand every result to the tap until `until` says so.

        Raises OutputError where the run ended before: nothing would be saved any more.
        """
        while not until(self.saved):
            self._poller.poll(int(1000 * TURN_S))
            # Frames first: a result's frame is then there, where it has come at all.
            self._take_frames()
            self._take_results(tap)
            tap.look()
            if tap.error is not None:
                raise OutputError(tap.error)

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

    def _take_results(self, tap: Tap) -> None:
        for _ in range(HWM_MESSAGES):
            try:
                (*rest, message) = self._results.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            try:
                result = savable(b"" if rest else message)
            except DropError as error:
                self._malformed(error)
                continue
            self._count(result.series, result.accounting.segmented)
            heard = HeardResult(
                series=result.series,
                frame=result.frame,
                message=message,
                at_s=time.monotonic(),
                at_ns=time.time_ns(),
            )
            if self._pairing is None:
                self._offer(tap, heard, FrameFacts())
            else:
                self._pairing.result(heard)
        if self._pairing is not None:
            for heard, facts in self._pairing.ready(now_s=time.monotonic()):
                self._offer(tap, heard, facts)
            self.saved.unpaired = self._pairing.unpaired

    def _offer(self, tap: Tap, heard: HeardResult, facts: FrameFacts) -> None:
        tap.offer(encode_saved(heard.message, facts), at_ns=heard.at_ns, at_s=heard.at_s)

    def _count(self, series: str, segmented: int) -> None:
        """Every result says the how manyth of its series it is: what lacks between is missed."""
        self.saved.results += 1
        if self._segmented is not None and self._segmented[0] == series:
            self.saved.missed += max(0, segmented - self._segmented[1] - 1)
        self._segmented = (series, segmented)

    def _malformed(self, error: DropError) -> None:
        self.saved.malformed += 1
        self.last_problem = str(error)
