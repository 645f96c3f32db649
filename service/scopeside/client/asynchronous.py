"""The control and results sockets for asyncio; what messages mean is written elsewhere, once.

No task is ever started: whoever awaits does the work, and stops it by being cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

import zmq
import zmq.asyncio

from scopeside.client.calls import Answer, Call
from scopeside.client.connection import ClientKeys, connected
from scopeside.client.control import ATTEMPTS, no_reply
from scopeside.client.inbox import Inbox
from scopeside.client.subscriber import HWM_MESSAGES, subscription
from scopeside.errors import ConfigError

Item = TypeVar("Item")
Context = zmq.asyncio.Context


def require_usable(loop: asyncio.AbstractEventLoop) -> None:
    """Raise ConfigError for an event loop that cannot watch ZeroMQ's sockets.

    That is the one asyncio takes on Windows.
    """
    if type(loop).add_reader is asyncio.AbstractEventLoop.add_reader:
        raise ConfigError(
            f"ZeroMQ cannot be awaited in a {type(loop).__name__}: on Windows call "
            "asyncio.set_event_loop_policy(asyncio.WindowsSelectorEventLoopPolicy()) before "
            "asyncio.run(), or give that loop_factory=asyncio.SelectorEventLoop."
        )


class AsyncSubscriber(Generic[Item]):
    """A SUB socket whose messages are decoded one by one, as `Subscriber` does."""

    def __init__(
        self,
        decode: Callable[[bytes], Item],
        endpoint: str,
        *,
        context: Context,
        latest_only: bool = False,
        hwm_messages: int = HWM_MESSAGES,
        keys: ClientKeys | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.inbox = Inbox(decode)
        self._socket: zmq.asyncio.Socket = connected(
            context,
            zmq.SUB,
            endpoint,
            options=subscription(latest_only=latest_only, hwm_messages=hwm_messages),
            keys=keys,
        )

    async def receive(self, timeout_s: float | None = None) -> Item | None:
        """Return the next message, or None when none comes in time; None waits for ever."""
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    # What was taken off the socket is returned without waiting again, so that a
                    # caller who is cancelled loses nothing.
                    while not await self._socket.poll(0):
                        await self._socket.poll()
                    item = self.inbox.take(await self._socket.recv_multipart(zmq.NOBLOCK))
                    if item is not None:
                        return item
                    await asyncio.sleep(0)  # or a stream of garbage would let no other task run
        except TimeoutError:
            return None

    def close(self) -> None:
        """Close the socket; doing so twice is harmless."""
        self._socket.close()


class AsyncControl:
    """The control endpoint, one request at a time; several tasks may share it."""

    def __init__(
        self,
        endpoint: str,
        *,
        context: Context,
        timeout_s: float,
        keys: ClientKeys | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._context = context
        self._timeout_s = timeout_s
        self._keys = keys
        self._asked = 0
        self._turn = asyncio.Lock()
        self._socket = self._connected()

    async def ask(
        self, call: Call[Answer], *, timeout_s: float | None = None, attempts: int | None = None
    ) -> Answer:
        """Return the answer to a call, as `ControlClient.ask` does."""
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        tries = (attempts or ATTEMPTS) if call.repeatable else 1
        async with self._turn:
            self._asked += 1
            message = call.message(self._asked)
            for _ in range(tries):
                reply = await self._exchanged(message, limit_s / tries)
                if reply is not None:
                    return call.answer(reply, self.endpoint)
        raise no_reply(call.cmd, self.endpoint, limit_s)

    def close(self) -> None:
        """Close the socket; doing so twice is harmless."""
        self._socket.close()

    async def _exchanged(self, message: bytes, timeout_s: float) -> bytes | None:
        """Send a request; return its reply, or None, with a fresh socket, when none came."""
        reply: bytes | None = None
        try:
            await self._socket.send(message)
            if await self._socket.poll(max(0, int(1000 * timeout_s))):
                reply = await self._socket.recv()
        finally:
            # Without its reply, or with its reader cancelled, a REQ socket can send no more.
            if reply is None:
                self._socket.close()
                self._socket = self._connected()
        return reply

    def _connected(self) -> zmq.asyncio.Socket:
        return connected(self._context, zmq.REQ, self.endpoint, keys=self._keys)
