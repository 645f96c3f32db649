"""Receives what the service publishes: results and events."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

import zmq

from scopeside.client.connection import ClientKeys, connected
from scopeside.client.result import Result
from scopeside.errors import DropError, DropReason
from scopeside.wire.events import Event, decode_event

Item = TypeVar("Item")

HWM_MESSAGES = 1000
"""Messages held for a slow subscriber; ZeroMQ's own default."""


class _Subscriber(Generic[Item]):
    """A SUB socket whose messages are decoded one by one; those that cannot be are counted."""

    def __init__(
        self,
        endpoint: str,
        *,
        latest_only: bool = False,
        keys: ClientKeys | None = None,
        context: zmq.Context[zmq.Socket[bytes]] | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.malformed = 0
        self.last_problem: str | None = None
        self._own_context = zmq.Context() if context is None else None
        options = {zmq.RCVHWM: HWM_MESSAGES}
        if latest_only:
            options[zmq.CONFLATE] = 1
        try:
            self._socket = connected(
                context or self._own_context or zmq.Context.instance(),
                zmq.SUB,
                endpoint,
                options=options,
                keys=keys,
            )
        except Exception:
            self._end_context()
            raise

    def receive(self, timeout_s: float | None = None) -> Item | None:
        """Return the next message, or None when none comes in time; None waits for ever."""
        until_s = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            wait_ms = None if until_s is None else max(0, int(1000 * (until_s - time.monotonic())))
            if not self._socket.poll(wait_ms):
                return None
            parts = self._socket.recv_multipart()
            try:
                if len(parts) != 1:
                    raise DropError(
                        DropReason.BAD_HEADER, f"A message of {len(parts)} parts is not ours."
                    )
                return self._decode(parts[0])
            except DropError as error:
                self.malformed += 1
                self.last_problem = str(error)

    def items(self, timeout_s: float) -> Iterator[Item]:
        """Yield messages until none has come for `timeout_s`."""
        while (item := self.receive(timeout_s)) is not None:
            yield item

    def close(self) -> None:
        """Close the socket; doing so twice is harmless."""
        self._socket.close()
        self._end_context()

    def __iter__(self) -> Iterator[Item]:
        while (item := self.receive()) is not None:
            yield item

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _end_context(self) -> None:
        if self._own_context is not None:
            self._own_context.term()

    def _decode(self, message: bytes) -> Item:
        raise NotImplementedError


class ResultSubscriber(_Subscriber[Result]):
    """The results endpoint, as `Result`s.

    `latest_only` keeps one message and lets a newer one replace it, so that a slow loop always
    acts on the present; without it every result is delivered in order. What is no result is
    skipped and counted in `malformed`, its problem kept in `last_problem`. Not to be shared
    between threads.
    """

    def _decode(self, message: bytes) -> Result:
        return Result.from_bytes(message)


class EventSubscriber(_Subscriber[Event]):
    """The events endpoint, as maps with at least `kind`: heartbeats, series, drops and others."""

    def _decode(self, message: bytes) -> Event:
        return decode_event(message)
