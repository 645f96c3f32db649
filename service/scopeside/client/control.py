"""Asks the running service: a request and its reply, with a time limit.

A REQ socket that never hears back can send no more, so after a missed reply it is thrown away
and a fresh one connected: the "lazy pirate" pattern of the ZeroMQ guide, chapter 4.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Self

import msgpack
import zmq

from scopeside.client.connection import ClientKeys, connected
from scopeside.errors import EndpointError, ServiceError

VERSION = 1


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
        """Return the reply to one command of the wire contract.

        Raises EndpointError when no reply comes in time and ServiceError, with the service's own
        sentence, when it refuses.
        """
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        self._asked += 1
        request = {**arguments, "v": VERSION, "id": self._asked, "cmd": cmd}
        self._socket.send(msgpack.packb(request, use_bin_type=True))
        if not self._socket.poll(max(0, int(1000 * limit_s))):
            self._socket.close()
            self._socket = self._connected()
            raise EndpointError(
                f'No reply to "{cmd}" from {self.endpoint} within {limit_s:g} s: is the service '
                "running, and is this its control.endpoint?"
            )
        reply = self._unpacked(self._socket.recv(), cmd)
        if reply.get("ok") is not True:
            error = reply.get("error")
            detail = error.get("message") if isinstance(error, dict) else error
            raise ServiceError(f'The service refused "{cmd}": {detail}')
        return reply

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

    def clock_offset(self, rounds: int = 8) -> tuple[int, int]:
        """Return `(offset_ns, uncertainty_ns)`: the service's clock minus this machine's.

        As NTP does (RFC 5905, section 8): of several exchanges the one with the shortest round
        trip counts, and half of that trip bounds the error.
        """
        best: tuple[int, int] | None = None
        for _ in range(max(1, rounds)):
            reply = self.call("clock", t0_ns=time.time_ns())
            t0, t1, t2, t3 = reply["t0_ns"], reply["t1_ns"], reply["t2_ns"], time.time_ns()
            trip_ns, offset_ns = (t3 - t0) - (t2 - t1), ((t1 - t0) + (t2 - t3)) // 2
            if best is None or trip_ns < 2 * best[1]:
                best = offset_ns, max(0, trip_ns + 1) // 2
        return best or (0, 0)

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

    def _unpacked(self, message: bytes, cmd: str) -> dict[str, Any]:
        try:
            reply = msgpack.unpackb(message, strict_map_key=False)
        except (ValueError, msgpack.UnpackException) as error:
            raise ServiceError(
                f'The reply to "{cmd}" from {self.endpoint} is not msgpack: this is no control '
                "endpoint of the service."
            ) from error
        if not isinstance(reply, dict):
            raise ServiceError(f'The reply to "{cmd}" from {self.endpoint} is no map.')
        return reply
