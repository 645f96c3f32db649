"""Faults that real streams have, injected on purpose and counted.

A spec is a list such as `gap=0.05,duplicate=3,lz4`: the share of frames that suffer a fault
(0 to 1), a whole number for every so many frames, or nothing for every frame.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Protocol

import msgpack
import numpy as np

from scopeside.errors import ConfigError
from scopeside.wire.arrays import Buffer, Codec
from scopeside.wire.native import TOPIC_END, TOPIC_FRAME, TOPIC_START

Message = Sequence[Buffer]

_BURST_FRAMES = 4  # frames held back and sent at once


class Fault(StrEnum):
    GAP = "gap"
    """A frame number is skipped."""
    DUPLICATE = "duplicate"
    """A frame is sent twice."""
    REORDER = "reorder"
    """A frame is sent after the next one."""
    BURST = "burst"
    """Several frames are held back and sent at once."""
    TRUNCATE = "truncate"
    """A frame's payload is one byte short of half."""
    GARBAGE = "garbage"
    """A malformed message is sent besides."""
    LATE_SERIES = "late-series"
    """A frame of a series that has ended is sent besides."""
    BIG_ENDIAN = "big-endian"
    """A frame's values are big-endian."""
    LZ4 = "lz4"
    """A frame is compressed with LZ4."""
    ZSTD = "zstd"
    """A frame is compressed with Zstandard."""


# A frame suffers at most one of these: they decide when, or whether, it is sent.
_TRANSPORT = (Fault.GAP, Fault.DUPLICATE, Fault.REORDER, Fault.BURST, Fault.TRUNCATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How one frame is to be encoded."""

    codec: Codec = "none"
    big_endian: bool = False
    late_series: bool = False


class Encode(Protocol):
    """Encodes the frame at hand in the given style."""

    def __call__(self, style: Style) -> Message: ...


def parse_faults(spec: str) -> dict[Fault, float]:
    """Return each fault's share of frames. Raises ConfigError for a spec that makes no sense."""
    shares: dict[Fault, float] = {}
    for item in filter(None, (part.strip() for part in spec.split(","))):
        name, _, amount = (part.strip() for part in item.partition("="))
        if name not in set(Fault):
            near = get_close_matches(name, list(Fault), n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(Fault)}."
            raise ConfigError(f"There is no fault '{name}': {hint}")
        try:
            value = float(amount) if amount else 1.0
        except ValueError:
            value = -1.0
        if not (0.0 <= value <= 1.0 or (value > 1.0 and value.is_integer())):
            raise ConfigError(
                f"The fault '{item}' needs a share from 0 to 1, or a whole number for every so "
                f"many frames: write {name}=0.05 or {name}=20."
            )
        shares[Fault(name)] = value if value <= 1.0 else 1.0 / value
    return shares


class FaultInjector:
    """Turns each frame into the messages that are really sent; `injected` counts by kind.

    What befalls a frame depends on the seed and its number only. Faults whose effect comes with
    a later frame (`reorder`, `burst`) are counted when that frame makes them real.
    """

    def __init__(self, shares: Mapping[Fault, float], *, seed: int) -> None:
        self._shares = dict(shares)
        self._seed = seed
        self._held: list[Message] = []
        self._release_at = 0
        self._why = Fault.REORDER
        self.injected: Counter[Fault] = Counter()

    @property
    def needs_late_series(self) -> bool:
        """Whether an ended series must exist for late frames to belong to."""
        return self._shares.get(Fault.LATE_SERIES, 0.0) > 0.0

    def messages(self, number: int, encode: Encode) -> list[Message]:
        """Return the messages to send in place of frame `number`, in order."""
        generator = np.random.default_rng((self._seed, number, 7))
        struck = {fault for fault in Fault if generator.random() < self._shares.get(fault, 0.0)}
        extra: list[Message] = []
        if Fault.GARBAGE in struck:
            extra.append(_garbage(generator))
            self.injected[Fault.GARBAGE] += 1
        if Fault.LATE_SERIES in struck:
            extra.append(encode(Style(late_series=True)))
            self.injected[Fault.LATE_SERIES] += 1
        transport = next((fault for fault in _TRANSPORT if fault in struck), None)
        if transport is Fault.GAP:
            self.injected[Fault.GAP] += 1
            return extra
        style = self._style(struck)
        message = encode(style)
        if transport is Fault.TRUNCATE:
            self.injected[Fault.TRUNCATE] += 1
            message = [*message[:-1], bytes(message[-1])[: max(0, len(message[-1]) // 2 - 1)]]
        copies = [message]
        if transport is Fault.DUPLICATE:
            self.injected[Fault.DUPLICATE] += 1
            copies = [message, message]
        return extra + self._in_time(copies, transport)

    def flush(self) -> list[Message]:
        """Return what is still held back when the series ends, in its right order."""
        held, self._held = self._held, []
        return held

    def _style(self, struck: set[Fault]) -> Style:
        codec: Codec = "none"
        if Fault.LZ4 in struck:
            codec = "lz4"
            self.injected[Fault.LZ4] += 1
        elif Fault.ZSTD in struck:
            codec = "zstd"
            self.injected[Fault.ZSTD] += 1
        if Fault.BIG_ENDIAN in struck:
            self.injected[Fault.BIG_ENDIAN] += 1
        return Style(codec=codec, big_endian=Fault.BIG_ENDIAN in struck)

    def _in_time(self, messages: list[Message], transport: Fault | None) -> list[Message]:
        if self._held:
            if self._why is Fault.REORDER:
                self.injected[Fault.REORDER] += 1
                return messages + self.flush()
            self._held += messages
            if len(self._held) < self._release_at:
                return []
            self.injected[Fault.BURST] += 1
            return self.flush()
        if transport in (Fault.REORDER, Fault.BURST):
            self._why, self._held = transport, messages
            self._release_at = _BURST_FRAMES
            return []
        return messages


def _garbage(generator: np.random.Generator) -> Message:
    """One malformed message: a wrong topic, a torn header, or a header of nonsense.

    Topics keep the prefix of a true one, so that subscribers by topic get them too.
    """
    noise = generator.bytes(64)
    topic = (TOPIC_START, TOPIC_FRAME, TOPIC_END)[int(generator.integers(3))]
    kinds: tuple[Message, ...] = (
        [topic + noise],
        [topic + b"s", noise],
        [topic, b"\x81\xa1v" + noise[:1]],
        [topic, msgpack.packb({"v": 1, "series": None, "t_ns": "noon"})],
    )
    return kinds[int(generator.integers(len(kinds)))]
