"""Copies a part of a recording into a new one: byte for byte, with the times as they were."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from scopeside.errors import InputFileError
from scopeside.messages import Array
from scopeside.recording.layout import Kind, RecordedMessage
from scopeside.recording.reader import Recording
from scopeside.recording.store import MessageStore

BATCH_BYTES = 8 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What is kept: frames `first` to `last` (both included, counted from 0 over the recording),
    that came `from_s` to `to_s` after its first message, of one series; all where None.

    What is no frame stays where it belongs: the start of a series with any of its frames, its
    end with its last one, anything else between frames that stay.
    """

    first: int = 0
    last: int | None = None
    from_s: float | None = None
    to_s: float | None = None
    series: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What went into the new recording; damaged messages are left out."""

    messages: int
    frames: int
    damaged: int


@dataclass(frozen=True, slots=True)
class _Index:
    """The whole index, one entry a message; `series_N` are numbers of `names`, -1 for none."""

    kinds_N: Array
    seconds_N: Array
    series_N: Array
    names: list[str]


def cut(recording: Recording, what: Cut, store: MessageStore) -> Kept:
    """Copy what is to be kept into a store, and close it.

    Raises InputFileError where no message is to be kept, OutputError from the store.
    """
    keep_N = kept_messages(recording, what)
    messages = frames = damaged = 0
    batch: list[RecordedMessage] = []
    size = 0
    for first, end in _runs(keep_N):
        for stored in recording.messages(first, end):
            if stored.message is None:
                damaged += 1
                continue
            messages += 1
            frames += stored.kind is Kind.FRAME
            batch.append(stored.message)
            size += stored.message.size_bytes
            if size >= BATCH_BYTES:
                store.append(batch)
                batch, size = [], 0
    store.append(batch)
    store.close(dropped_after=recording.dropped_after if keep_N[-1] else 0)
    return Kept(messages=messages, frames=frames, damaged=damaged)


def kept_messages(recording: Recording, what: Cut) -> Array:
    """Return a mask over the messages; InputFileError where it would keep none."""
    index = _read_index(recording)
    if what.series is not None and what.series not in index.names:
        known = ", ".join(f"'{name}'" for name in index.names[:5]) or "none"
        raise InputFileError(
            f"{recording.path} has no series '{what.series}'; it has {known}: name one of these."
        )
    frame_N: Array = index.kinds_N == Kind.FRAME
    number_N = np.cumsum(frame_N) - 1
    keep_N: Array = frame_N & (number_N >= what.first)
    if what.last is not None:
        keep_N &= number_N <= what.last
    in_time_N = _in_time(index, what)
    keep_N &= in_time_N
    if what.series is not None:
        keep_N &= index.series_N == index.names.index(what.series)
    if not frame_N.any():  # a stream of something else: only times and series can choose
        keep_N = in_time_N
    elif keep_N.any():
        keep_N |= _around(index, frame_N, keep_N, strangers=what.series is None)
    if not keep_N.any():
        raise InputFileError(
            f"{recording.path} has nothing within what is to be kept: `scopeside recording info` "
            "says what it has."
        )
    return keep_N


def _in_time(index: _Index, what: Cut) -> Array:
    in_time_N: Array = np.ones(len(index.kinds_N), bool)
    if what.from_s is not None:
        in_time_N &= index.seconds_N >= what.from_s
    if what.to_s is not None:
        in_time_N &= index.seconds_N <= what.to_s
    return in_time_N


def _around(index: _Index, frame_N: Array, keep_N: Array, *, strangers: bool) -> Array:
    """Return which messages that are no frames stay with the frames that do."""
    stay_N: Array = np.zeros_like(keep_N)
    if strangers:
        places = np.flatnonzero(keep_N)
        stay_N[places[0] : places[-1] + 1] = True
        # Nothing lies between them and the recording's own beginning or end but strangers.
        first, last = np.flatnonzero(frame_N)[[0, -1]]
        if keep_N[first]:
            stay_N[:first] = True
        if keep_N[last]:
            stay_N[last:] = True
        stay_N &= index.kinds_N == Kind.OTHER
    for series in np.unique(index.series_N[keep_N]):
        own_N = index.series_N == series
        if series < 0:
            continue
        stay_N |= own_N & (index.kinds_N == Kind.START)
        if keep_N[np.flatnonzero(own_N & frame_N)[-1]]:
            stay_N |= own_N & (index.kinds_N == Kind.END)
    return stay_N


def _read_index(recording: Recording) -> _Index:
    kinds, times_ns, series = [], [], []
    names: dict[str, int] = {}
    for file, rows in recording.index():
        kinds.append(rows["kind"])
        times_ns.append(rows["monotonic_ns"])
        numbers = np.full(len(rows), -1)
        for number in np.unique(rows["series"]):
            name = file.series_name(int(number))
            if name is not None:
                numbers[rows["series"] == number] = names.setdefault(name, len(names))
        series.append(numbers)
    if not kinds:
        raise InputFileError(f"{recording.path} holds no message: there is nothing to keep.")
    all_ns = np.concatenate(times_ns)
    return _Index(
        np.concatenate(kinds), (all_ns - all_ns[0]) / 1e9, np.concatenate(series), list(names)
    )


def _runs(keep_N: Array) -> Iterator[tuple[int, int]]:
    """Yield `(first, end)` of every unbroken run of what is kept."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], keep_N.astype(np.int8), [0]))))
    for first, end in edges.reshape(-1, 2):
        yield int(first), int(end)
