"""Recordings for tests: messages of every kind, written without a socket."""

from __future__ import annotations

import resource
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from scopeside.messages import Channel
from scopeside.recording.layout import RecordedMessage
from scopeside.recording.splitting import SplitRecording
from scopeside.wire.native import encode_end, encode_frame, encode_start

WALL_NS = 1_700_000_000_000_000_000
MONOTONIC_NS = 5_000_000_000
PERIOD_NS = 20_000_000


def image(number: int, shape=(24, 32)) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 900, shape).astype("<u2")


def series_messages(
    name: str = "film", frames: int = 5, *, period_ns: int = PERIOD_NS, **header
) -> list[RecordedMessage]:
    """A start, frames at a steady pace, and an end, as a tap stamps them."""
    parts = [encode_start(series=name, t_ns=WALL_NS, pixel_size_m=(1e-9, 2e-9))]
    parts += [
        encode_frame(
            series=name,
            number=number,
            t_ns=WALL_NS + number * period_ns - 3_000_000,
            channels=[Channel(name="image", values=image(number))],
            **header,
        )
        for number in range(frames)
    ]
    parts.append(encode_end(series=name, t_ns=WALL_NS + frames * period_ns, frames=frames))
    return [
        RecordedMessage(
            parts=[bytes(part) for part in one],
            monotonic_ns=MONOTONIC_NS + max(0, at - 1) * period_ns,
            wall_ns=WALL_NS + max(0, at - 1) * period_ns,
        )
        for at, one in enumerate(parts)
    ]


def write(path: Path, messages, *, dropped_after: int = 0, **options) -> Path:
    """Write a whole recording; options as those of SplitRecording."""
    store = SplitRecording(path, source="tcp://127.0.0.1:5555", **options)
    store.append(messages)
    store.close(dropped_after=dropped_after)
    return path


def plain(message: RecordedMessage) -> tuple:
    """A message with its parts as bytes, for comparison."""
    parts = tuple(bytes(part) for part in message.parts)
    return parts, message.monotonic_ns, message.wall_ns, message.dropped_before


@contextmanager
def file_size_limit(size: int):
    """Processes started within may write no file beyond this size: a full disk, for each."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
