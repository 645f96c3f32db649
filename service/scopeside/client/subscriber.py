"""Receives what the service publishes: results and events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

import zmq

from scopeside.client.connection import ClientKeys, connected, waits_ms
from scopeside.client.inbox import Inbox
from scopeside.client.result import Result
from scopeside.wire.events import Event, decode_event

Item = TypeVar("Item")

HWM_MESSAGES = 1000
"""Messages held for a slow subscriber; ZeroMQ's own default."""


AWAITED = 8
"""Of all results, as many are kept for a loop that awaits one frame after another."""


def subscription(
    *, latest_only: bool, hwm_messages: int = HWM_MESSAGES
) -> dict[zmq.SocketOption, int]:
    """Return the options of a SUB socket, to be set before it connects."""
    return {zmq.RCVHWM: hwm_messages} | ({zmq.CONFLATE: 1} if latest_only else {})


class Subscriber(Generic[Item]):
    """A SUB socket whose messages are decoded one by one; those that cannot be are counted."""

    def __init__(
        self,
        decode: Callable[[bytes], Item],
        endpoint: str,
        *,
        latest_only: bool = False,
        hwm_messages: int = HWM_MESSAGES,
        keys: ClientKeys | None = None,
        context: zmq.Context[zmq.Socket[bytes]] | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.inbox = Inbox(decode)
        self._own_context = zmq.Context() if context is None else None
        try:
            self._socket = connected(
                context or self._own_context or zmq.Context.instance(),
                zmq.SUB,
                endpoint,
                options=subscription(latest_only=latest_only, hwm_messages=hwm_messages),
                keys=keys,
            )
        except Exception:
            self._end_context()
            raise

    @property
    def malformed(self) -> int:
        """How many messages could not be decoded."""
        return self.inbox.malformed

    @property
    def last_problem(self) -> str | None:
        """What was wrong with the last of them."""
        return self.inbox.last_problem

    def receive(self, timeout_s: float | None = None) -> Item | None:
        """Return the next message, or None when none comes in time; None waits for ever."""
        for wait_ms in waits_ms(timeout_s):
            if self._socket.poll(wait_ms):
                item = self.inbox.take(self._socket.recv_multipart())
                if item is not None:
                    return item
        return None

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


class ResultSubscriber(Subscriber[Result]):
    """The results endpoint, as `Result`s.

    `latest_only` keeps one message and lets a newer one replace it, so that a slow loop always
    acts on the present; without it every result is delivered in order. What is no result is
    skipped and counted in `malformed`, its problem kept in `last_problem`. Not to be shared
    between threads.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        latest_only: bool = False,
        keys: ClientKeys | None = None,
        context: zmq.Context[zmq.Socket[bytes]] | None = None,
    ) -> None:
        super().__init__(
            Result.from_bytes, endpoint, latest_only=latest_only, keys=keys, context=context
        )


class EventSubscriber(Subscriber[Event]):
    """The events endpoint, as maps with at least `kind`: heartbeats, series, drops and others."""

    def __init__(
        self,
        endpoint: str,
        *,
        latest_only: bool = False,
        keys: ClientKeys | None = None,
        context: zmq.Context[zmq.Socket[bytes]] | None = None,
    ) -> None:
        super().__init__(
            decode_event, endpoint, latest_only=latest_only, keys=keys, context=context
        )
