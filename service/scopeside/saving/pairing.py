"""Brings the frames of a stream together with the results that the service sends of them."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass

from scopeside.saving.packet import FrameFacts
from scopeside.wire.incoming import FrameMessage, Message, StartMessage

HELD_BYTES = 256 * 2**20
"""Frames that wait for their result; the oldest go first, as those that the service dropped do."""

PATIENCE_S = 1.0
"""Longest wait of a result for its frame, which comes by a socket of its own."""

SERIES = 64
"""Series whose calibration is remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardResult:
    """A result as it came, at `at_s` (monotonic) and `at_ns` (wall clock)."""

    series: str
    frame: int
    message: bytes
    at_s: float
    at_ns: int


Key = tuple[str, int]


class Pairing:
    """Holds what waits for its other half, within bounds; results come out in their order."""

    def __init__(self, *, held_bytes: int = HELD_BYTES) -> None:
        self.unpaired = 0
        """Results that came out without their frame."""
        self._held_bytes = held_bytes
        self._frames: OrderedDict[Key, FrameFacts] = OrderedDict()
        self._bytes = 0
        self._results: deque[HeardResult] = deque()
        self._pixel_size_m: OrderedDict[str, tuple[float, float] | None] = OrderedDict()

    def frame(self, message: Message) -> None:
        """Take in what came from the stream of frames; its values must not change after."""
        if isinstance(message, StartMessage):
            self._pixel_size_m[message.series] = message.pixel_size_m
            while len(self._pixel_size_m) > SERIES:
                self._pixel_size_m.popitem(last=False)
        elif isinstance(message, FrameMessage):
            key = (message.series, message.number)
            if key in self._frames:
                return  # the service takes the first copy too
            image_YX = message.channels[0].values
            self._frames[key] = FrameFacts(
                pixel_size_m=message.pixel_size_m or self._pixel_size_m.get(message.series),
                dose_e_per_m2=message.dose_e_per_m2,
                image_YX=image_YX,
            )
            self._bytes += image_YX.nbytes
            while self._bytes > self._held_bytes and len(self._frames) > 1:
                self._forget(next(iter(self._frames)))

    def result(self, result: HeardResult) -> None:
        self._results.append(result)

    def ready(self, *, now_s: float) -> Iterator[tuple[HeardResult, FrameFacts]]:
        """Yield results with their frames; without one where it did not come in time.

        At the end, `now_s` infinite, nothing more is waited for.
        """
        while self._results:
            result = self._results[0]
            key = (result.series, result.frame)
            facts = self._frames.get(key)
            if facts is None and now_s - result.at_s < PATIENCE_S:
                return
            self._results.popleft()
            if facts is None:
                self.unpaired += 1
                size = self._pixel_size_m.get(result.series)
                yield result, FrameFacts(pixel_size_m=size)
                continue
            # Those before it were dropped by the service, or are results that never came.
            for other in list(self._frames):
                self._forget(other)
                if other == key:
                    break
            yield result, facts

    @property
    def waiting(self) -> int:
        """Results that wait for their frame."""
        return len(self._results)

    def _forget(self, key: Key) -> None:
        facts = self._frames.pop(key)
        self._bytes -= 0 if facts.image_YX is None else facts.image_YX.nbytes
