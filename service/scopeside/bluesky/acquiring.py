"""Takes results for the detector: connects on stage, and waits for as many as are wanted."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from typing import Any

from ophyd_async.core import (
    DetectorAcquireLogic,
    DetectorTriggerLogic,
    TriggerInfo,
    WatchableAsyncStatus,
    soft_signal_r_and_setter,
)

from scopeside.bluesky.label_file import LabelFile
from scopeside.client import AsyncClient, Result
from scopeside.client.stream import AsyncStream
from scopeside.errors import ConfigError, NoResultError, ServiceError

CANCEL_S = 0.05
"""Between two attempts to cancel a wait."""

Acquire = Callable[[], Awaitable[tuple[str, int]]]
"""Asks the microscope for one frame and returns its series and number."""


class Acquiring(DetectorAcquireLogic):
    """Results of frames that were asked for, or of those that come after the trigger."""

    def __init__(
        self, client: Callable[[], AsyncClient], acquire: Acquire | None, timeout_s: float
    ) -> None:
        self.wanted_results = 1
        self.flying = False
        self.newest: Result | None = None
        self.file: LabelFile | None = None
        self.taken, self._set_taken = soft_signal_r_and_setter(int)
        self._count = 0
        self._new_client = client
        self._acquire = acquire
        self._timeout_s = timeout_s
        self._client: AsyncClient | None = None
        self._results: AsyncStream[Result] | None = None
        self._ahead_ns = 0
        self._begun_ns = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def client(self) -> AsyncClient:
        """The client of a staged detector; ServiceError for one that is not staged."""
        if self._client is None:
            raise ServiceError("The detector is not staged: stage it before it is triggered.")
        return self._client

    def begin(self, file: LabelFile | None) -> None:
        """Write to another file from now on, and count its rows from 0."""
        if self.file is not None:
            self.file.close()
        self.file, self._count = file, 0
        self._set_taken(0)

    async def ensure_ready(self) -> None:
        """Connect, and find out how far the service's clock is ahead of ours."""
        await self.ensure_stopped()
        client = self._client = self._new_client()
        await client.__aenter__()
        # From here on nothing is missed that is published once the subscription has arrived,
        # which the exchanges of time stamps leave time for.
        self._results = client.results(latest=False, timeout_s=self._timeout_s)
        clock = await client.clock()
        self._ahead_ns = clock.offset_ns - clock.uncertainty_ns

    async def start_acquiring(self) -> None:
        """Take what is wanted: one result at once, several in the background."""
        self._begun_ns = time.time_ns() + self._ahead_ns
        self._task = asyncio.create_task(self._take(self.wanted_results))
        if not self.flying:
            await self._task

    async def wait_for_idle(self) -> None:
        if self._task is not None:
            await self._task

    async def ensure_stopped(self) -> None:
        """Give up what is under way, and disconnect."""
        if self._task is not None:
            self._task.cancel()
            # What it failed by was raised where it was waited for.
            await asyncio.wait({self._task})
            self._task = None
        if self._client is not None:
            client, self._client, self._results = self._client, None, None
            await client.aclose()

    async def unless_failed(self, status: WatchableAsyncStatus[Any]) -> None:
        """Wait for a status, or raise what made taking results fail before it is done."""
        if self._task is None:
            await status
            return
        await asyncio.wait({self._task, status.task}, return_when=asyncio.FIRST_EXCEPTION)
        while self._task.done() and not status.task.done():
            # Again and again: before Python 3.12 `asyncio.wait_for` may swallow a cancellation.
            status.task.cancel()
            await asyncio.wait({status.task}, timeout=CANCEL_S)
        if self._task.done():
            await self._task
        await status

    async def _take(self, count: int) -> None:
        """Take `count` results, or without end where it is 0."""
        for _ in range(count) if count else itertools.count():
            result = await self._next()
            if self.file is not None:
                # Compressing a large label map must not hold up the plan.
                await asyncio.to_thread(self.file.append, result)
            self.newest = result
            self._count += 1
            self._set_taken(self._count)

    async def _next(self) -> Result:
        if self._acquire is not None:
            series, frame = await self._acquire()
            return await self._first(lambda one: one.series == series and one.frame == frame)
        return await self._first(lambda one: one.timing.t_received_ns >= self._begun_ns)

    async def _first(self, fits: Callable[[Result], bool]) -> Result:
        if self._results is None:
            raise ServiceError("The detector is not staged: stage it before it is triggered.")
        async for result in self._results:
            if fits(result):
                return result
        raise NoResultError(
            f"No result came within {self._timeout_s:g} s, though the service is ready: see "
            "whether the microscope sends."
        )


class Triggering(DetectorTriggerLogic):
    """Tells `Acquiring` how many results are wanted; exposure times are the microscope's alone."""

    def __init__(self, acquiring: Acquiring) -> None:
        self._acquiring = acquiring

    async def prepare_internal(self, num: int, livetime: float, deadtime: float) -> None:
        if livetime or deadtime:
            raise ConfigError(
                "How long frames are exposed is the microscope's to say: leave livetime and "
                "deadtime out of the TriggerInfo."
            )
        self._acquiring.wanted_results = num

    async def default_trigger_info(self) -> TriggerInfo:
        return TriggerInfo()
