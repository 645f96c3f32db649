"""Asks the running service: a request and its reply, with a time limit.

A REQ socket that never hears back can send no more, so after a missed reply it is thrown away
and a fresh one connected: the "lazy pirate" pattern of the ZeroMQ guide, chapter 4. A request
that does no harm when it is done twice is then sent again, until its time is over.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Self

import zmq

from scopeside.client import calls
from scopeside.client.calls import Answer, Call
from scopeside.client.connection import ClientKeys, connected, waits_ms
from scopeside.client.exchange import estimate
from scopeside.errors import EndpointError, ServiceAbsentError

ATTEMPTS = 3
"""How often a request is sent while its time lasts; a service that restarts loses one reply."""


class ControlClient:
    """The control endpoint; not to be shared between threads."""

    def __init__(
        self,
        endpoint: str,
        *,
        timeout_s: float = 2.0,
        keys: ClientKeys | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._timeout_s = timeout_s
        self._keys = keys
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._asked = 0
        try:
            self._socket = self._connected()
        except Exception:
            self._context.term()
            raise

    def call(self, cmd: str, *, timeout_s: float | None = None, **arguments: Any) -> dict[str, Any]:
        """Return the reply to one command of the wire contract, sent once.

        Raises ServiceAbsentError when no reply comes in time and a ServiceError, with the
        service's own sentence, when it refuses.
        """
        return self.ask(calls.whole(cmd, arguments), timeout_s=timeout_s, attempts=1)

    def ask(
        self, call: Call[Answer], *, timeout_s: float | None = None, attempts: int | None = None
    ) -> Answer:
        """Return the answer to a call, which is sent ATTEMPTS times if need be and if it may be.

        Raises as `call` does.
        """
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        self._asked += 1
        message = call.message(self._asked)
        tries = (attempts or ATTEMPTS) if call.repeatable else 1
        for _ in range(tries):
            self._socket.send(message)
            if self._comes(limit_s / tries):
                return call.answer(self._socket.recv(), self.endpoint)
            self._socket.close()
            self._socket = self._connected()
        raise no_reply(call.cmd, self.endpoint, limit_s)

    def wait_until(self, state: str, timeout_s: float) -> dict[str, Any]:
        """Return the first status whose state is `state`; EndpointError when it never comes."""
        until_s = time.monotonic() + timeout_s
        last = "no reply"
        while (left_s := until_s - time.monotonic()) > 0:
            try:
                reply = self.call("status", timeout_s=min(left_s, self._timeout_s))
            except EndpointError:
                continue
            if reply.get("state") == state:
                return reply
            last = f'state "{reply.get("state")}"'
            time.sleep(min(0.05, max(0.0, until_s - time.monotonic())))
        raise EndpointError(
            f'The service at {self.endpoint} was not "{state}" within {timeout_s:g} s ({last}).'
        )

    def clock_offset(self, rounds: int = 16) -> tuple[int, int]:
        """Return `(offset_ns, uncertainty_ns)`: the service's clock minus this machine's.

        The median of the best of `rounds` exchanges; see `client.exchange`.
        """
        exchanges = [
            self.ask(calls.clock(time.time_ns(), time.time_ns)) for _ in range(max(1, rounds))
        ]
        offset = estimate(exchanges)
        return offset.offset_ns, offset.uncertainty_ns

    def close(self) -> None:
        """Close the socket; doing so twice is harmless."""
        self._socket.close()
        self._context.term()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _connected(self) -> zmq.Socket[bytes]:
        return connected(self._context, zmq.REQ, self.endpoint, keys=self._keys)

    def _comes(self, timeout_s: float) -> bool:
        return any(self._socket.poll(wait_ms) for wait_ms in waits_ms(timeout_s))


def no_reply(cmd: str, endpoint: str, limit_s: float) -> ServiceAbsentError:
    """Return what is said of a service that does not answer."""
    return ServiceAbsentError(
        f'No reply to "{cmd}" from {endpoint} within {limit_s:g} s: is the service '
        "running, and is this its control.endpoint?"
    )
