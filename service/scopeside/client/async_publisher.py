"""A publisher of frames for asyncio: where a send would wait, other tasks go on."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Any, Self

from scopeside.client.clock_keeper import ClockKeeper
from scopeside.client.clocked import ClockedPublisher
from scopeside.client.publisher import Image

LOOK_S = 0.002
"""Between two looks whether a message can be sent; below the time that a frame takes anyway."""


class AsyncPublisher:
    """A ClockedPublisher, awaited; `frame` and `start` take what its own do.

    A PUSH socket without a receiver makes `frame` wait, and cancelling it sends nothing.
    """

    def __init__(self, publisher: ClockedPublisher) -> None:
        self._publisher = publisher

    @property
    def clock(self) -> ClockKeeper:
        """What is known of the two clocks."""
        return self._publisher.clock

    @property
    def address(self) -> str:
        """The endpoint, with the port chosen for `tcp://...:*`."""
        return self._publisher.address

    async def wait_for_subscriber(self, timeout_s: float, *, count: int = 1) -> bool:
        """Wait until `count` subscribers get the next message; return whether they came."""
        until_s = time.monotonic() + timeout_s
        while not self._publisher.wait_for_subscriber(0, count=count):
            if time.monotonic() >= until_s:
                return False
            await asyncio.sleep(LOOK_S)
        return True

    async def start(self, series: str, **options: Any) -> None:
        """Begin a series, ending the one before."""
        await self._sendable()
        self._publisher.start(series, **options)

    async def frame(self, image: Image, **options: Any) -> None:
        """Send one frame of the series."""
        await self._sendable()
        self._publisher.frame(image, **options)

    async def end(self, **options: Any) -> None:
        """End the series; harmless where none is open."""
        await self._sendable()
        self._publisher.end(**options)

    def close(self) -> None:
        """Close the socket; doing so twice is harmless."""
        self._publisher.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._publisher.__exit__(kind, error, trace)

    async def _sendable(self) -> None:
        # A PUB socket is always ready: what nobody can take is lost, as its receiver would have it.
        while not self._publisher.ready(0):
            await asyncio.sleep(LOOK_S)
