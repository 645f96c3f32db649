"""The web process's way to the service: control requests from asyncio, one at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from scopeside.client.connection import ClientKeys
from scopeside.client.control import ControlClient
from scopeside.errors import FatalError

TIMEOUT_S = 2.0
"""Longest wait for an answer: the service answers within milliseconds, or something is wrong."""

FRESH_S = 0.2
"""Figures as old as this are not asked for again."""


class ServiceLink:
    """One control connection and the thread that waits on it."""

    def __init__(self, endpoint: str, keys: ClientKeys | None) -> None:
        self._client = ControlClient(endpoint, timeout_s=TIMEOUT_S, keys=keys)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="link")

    async def call(self, cmd: str, **arguments: Any) -> dict[str, Any]:
        """Return the reply; EndpointError when none comes in time, ServiceError when refused."""
        work = partial(self._client.call, cmd, **arguments)
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def close(self) -> None:
        """Wait for the question under way, at most its time limit, and disconnect."""
        await asyncio.to_thread(self._thread.shutdown)
        self._client.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The service's figures, or in one sentence why there are none."""

    figures: Mapping[str, Any] | None
    problem: str = ""
    at_s: float = field(default_factory=time.monotonic)


class Figures:
    """What `metrics` answers, asked once for all who want it at the same time."""

    def __init__(self, link: ServiceLink) -> None:
        self._link = link
        self._last: Answer | None = None
        self._asking = asyncio.Lock()

    async def now(self) -> Answer:
        """Return figures that are at most `FRESH_S` old."""
        async with self._asking:
            if self._last is None or time.monotonic() - self._last.at_s > FRESH_S:
                self._last = await self._ask()
            return self._last

    async def _ask(self) -> Answer:
        try:
            return Answer(figures=await self._link.call("metrics", percentiles=True))
        except FatalError as error:
            return Answer(figures=None, problem=str(error))
