"""The client for asyncio: what `Client` does, awaited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import zmq.asyncio

from scopeside.client import calls, procedures
from scopeside.client.async_publisher import AsyncPublisher
from scopeside.client.asynchronous import AsyncControl, AsyncSubscriber, require_usable
from scopeside.client.calls import Community, Reply
from scopeside.client.clocked import ClockedPublisher
from scopeside.client.connection import ClientKeys
from scopeside.client.endpoints import Endpoints
from scopeside.client.exchange import ClockOffset
from scopeside.client.procedures import Ask, Hear, Line, Procedure, Rest, Step
from scopeside.client.result import Result
from scopeside.client.steering import AsyncRules, AsyncVisited
from scopeside.client.stream import AsyncStream
from scopeside.client.subscriber import AWAITED, HWM_MESSAGES
from scopeside.errors import FatalError
from scopeside.targets import Strategy, Target
from scopeside.wire.events import Event, decode_event

Answer = TypeVar("Answer")
Item = TypeVar("Item")


class AsyncClient:
    """One service, for the tasks of one event loop: `async with AsyncClient() as client:`.

    Arguments, results and errors are those of `Client`. It starts no tasks: what is awaited can
    be cancelled at any moment, and the client goes on to be usable. Raises ConfigError on entry
    in an event loop that ZeroMQ cannot be awaited in (Windows has one by default).
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        *,
        results: str | None = None,
        events: str | None = None,
        control: str | None = None,
        keys: ClientKeys | None = None,
        timeout_s: float = 5.0,
    ) -> None:
        self.endpoints = at = Endpoints.on(
            host, results=results, events=events, control=control, keys=keys
        )
        self._timeout_s = timeout_s
        self._open: set[AsyncSubscriber[Any] | AsyncPublisher] = set()
        self._context = zmq.asyncio.Context()
        try:
            self._control = AsyncControl(
                at.control, context=self._context, timeout_s=timeout_s, keys=keys
            )
            self._newest = self._line(Result.from_bytes, at.results, latest=True)
            self._every: Line[Result] | None = None
        except FatalError:
            self._context.destroy(linger=0)
            raise

    @classmethod
    def from_settings(
        cls, config: str | Path, *, keys: ClientKeys | None = None, timeout_s: float = 5.0
    ) -> Self:
        """Return a client of a service on this machine with this configuration file or preset."""
        at = Endpoints.of(config, keys=keys)
        return cls(
            results=at.results, events=at.events, control=at.control, keys=keys, timeout_s=timeout_s
        )

    def results(
        self, *, latest: bool = True, timeout_s: float | None = None
    ) -> AsyncStream[Result]:
        """Return results as they come; see `Client.results`."""
        line = self._newest
        if not latest:
            line = self._line(Result.from_bytes, self.endpoints.results, latest=False)
        return AsyncStream(
            lambda: self._do(procedures.result_or_end(line, timeout_s)),
            (lambda: None) if latest else self._closing(line),
        )

    async def next_result(
        self,
        timeout_s: float | None = None,
        *,
        series: str | None = None,
        frame: int | None = None,
    ) -> Result:
        """Return the newest result not yet seen; see `Client.next_result`."""
        every = None if frame is None else self._all()
        return await self._do(
            procedures.next_result(self._newest, timeout_s, every=every, series=series, frame=frame)
        )

    def events(self, *kinds: str, timeout_s: float | None = None) -> AsyncStream[Event]:
        """Return events as they come, all or those of some kinds; see `Client.events`."""
        line = self._line(decode_event, self.endpoints.events, latest=False)
        return AsyncStream(
            lambda: self._do(procedures.event_or_end(line, kinds, timeout_s)),
            self._closing(line),
        )

    async def status(self) -> Reply:
        """Return the service's `state`, totals, rate and the other keys of the contract."""
        return await self._control.ask(calls.status())

    async def config(self) -> dict[str, Any]:
        """Return the effective settings, section by section."""
        return await self._control.ask(calls.config())

    async def set(self, values: Mapping[str, Any]) -> None:
        """Change live settings: all of them or none."""
        await self._control.ask(calls.set_values(values))

    @asynccontextmanager
    async def changed(self, values: Mapping[str, Any]) -> AsyncIterator[None]:
        """Change live settings as `set` does, and put back at the end what was in force before."""
        before = await self.config()
        try:
            await self.set(values)
        except asyncio.CancelledError:
            # The service may have taken them before its answer came.
            await self.set(calls.settings_of(before, values))
            raise
        try:
            yield
        finally:
            await self.set(calls.settings_of(before, values))

    async def name(self, community: int, name: str | None) -> None:
        """Name a community, by its id, or take its name away with None."""
        await self._control.ask(calls.name(community, name))

    async def reference(self) -> Reply:
        """Keep the current frame's communities as the state that later ones are compared with."""
        return await self._control.ask(calls.whole("reference"))

    async def targets(
        self,
        community: Community,
        count: int = 1,
        strategy: Strategy = "interior",
        **options: Any,
    ) -> tuple[Target, ...]:
        """Return points of a community of the newest frame; see `Client.targets`."""
        return await self._control.ask(calls.targets(community, count, strategy, options))

    @property
    def visited(self) -> AsyncVisited:
        """The points that the service remembers as visited: to mark, list and clear."""
        return AsyncVisited(self._control.ask)

    @property
    def rules(self) -> AsyncRules:
        """The rules that raise alarms: to list, set and remove."""
        return AsyncRules(self._control.ask)

    async def pause(self) -> None:
        """Let the service take no more frames until `resume`."""
        await self._control.ask(calls.whole("pause"))

    async def resume(self) -> None:
        await self._control.ask(calls.whole("resume"))

    async def drain(self) -> None:
        """Let the service finish what it received, and end."""
        await self._control.ask(calls.whole("drain"))

    async def reset(self) -> None:
        """Let the service forget identities and names."""
        await self._control.ask(calls.whole("reset"))

    async def call(self, cmd: str, **arguments: Any) -> Reply:
        """Return the reply to any command of the contract, by its name, sent once."""
        return await self._control.ask(calls.whole(cmd, arguments), attempts=1)

    async def wait_until(self, state: str = "ready", timeout_s: float = 60.0) -> Reply:
        """Return the first status whose state is `state`; see `Client.wait_until`."""
        return await self._do(procedures.wait_until(state, timeout_s, patience_s=self._timeout_s))

    async def clock(self, rounds: int = procedures.CLOCK_ROUNDS) -> ClockOffset:
        """Return the service's clock minus this machine's, with its uncertainty."""
        return await self._do(procedures.measure_clock(rounds))

    def publisher(self, endpoint: str, **options: Any) -> AsyncPublisher:
        """Return a sender of frames that says in each how the clocks differ, closed with the
        client. Options are those of ClockedPublisher."""
        at = self.endpoints
        publisher = AsyncPublisher(
            ClockedPublisher(endpoint, control=at.control, keys=at.keys, **options)
        )
        self._open.add(publisher)
        return publisher

    async def aclose(self) -> None:
        """Close all that was opened; doing so twice is harmless."""
        for one in self._open:
            one.close()
        self._open.clear()
        self._control.close()
        self._context.destroy(linger=0)

    async def __aenter__(self) -> Self:
        try:
            require_usable(asyncio.get_running_loop())
        except FatalError:
            await self.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def _line(
        self,
        decode: Callable[[bytes], Item],
        endpoint: str,
        *,
        latest: bool,
        hwm_messages: int = HWM_MESSAGES,
    ) -> Line[Item]:
        heard = AsyncSubscriber(
            decode,
            endpoint,
            context=self._context,
            latest_only=latest,
            hwm_messages=hwm_messages,
            keys=self.endpoints.keys,
        )
        self._open.add(heard)
        return Line(heard, heard.inbox, endpoint)

    def _all(self) -> Line[Result]:
        """A few of all results, for a loop that awaits frames; opened when the first one is."""
        if self._every is None:
            self._every = self._line(
                Result.from_bytes, self.endpoints.results, latest=False, hwm_messages=AWAITED
            )
        return self._every

    def _closing(self, line: Line[Any]) -> Callable[[], None]:
        def close() -> None:
            line.subscriber.close()
            self._open.discard(line.subscriber)

        return close

    async def _do(self, procedure: Procedure[Answer]) -> Answer:
        """Do a procedure's steps, one after another, and return its result."""
        try:
            step = next(procedure)
            while True:
                try:
                    outcome = await self._step(step)
                except FatalError as error:
                    step = procedure.throw(error)
                else:
                    step = procedure.send(outcome)
        except StopIteration as done:
            answer: Answer = done.value
            return answer

    async def _step(self, step: Step) -> Any:
        match step:
            case Ask(call, timeout_s, attempts):
                return await self._control.ask(call, timeout_s=timeout_s, attempts=attempts)
            case Hear(line, timeout_s):
                return await line.receive(timeout_s)
            case Rest(seconds):
                return await asyncio.sleep(seconds)
