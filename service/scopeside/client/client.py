"""The client that a loop waits with: results, events, commands and frames of one service."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from scopeside.client import calls, procedures
from scopeside.client.calls import Community, Reply
from scopeside.client.clocked import ClockedPublisher
from scopeside.client.connection import ClientKeys
from scopeside.client.control import ControlClient
from scopeside.client.endpoints import Endpoints
from scopeside.client.exchange import ClockOffset
from scopeside.client.procedures import Ask, Hear, Line, Procedure, Rest, Step
from scopeside.client.result import Result
from scopeside.client.steering import Rules, Visited
from scopeside.client.stream import Stream
from scopeside.client.subscriber import AWAITED, HWM_MESSAGES, Subscriber
from scopeside.errors import FatalError
from scopeside.targets import Strategy, Target
from scopeside.wire.events import Event, decode_event

Answer = TypeVar("Answer")
Item = TypeVar("Item")


class Client:
    """One service, for one loop: `with Client() as client:`; not to be shared between threads.

    Endpoints are the wire contract's ports on `host`, but for those that are given. `timeout_s` is
    the longest wait for the answer to a command. The client listens for results from the moment
    it is made, and keeps the newest. A service that is not there yet, or that starts anew, is
    found by itself.

    Raises EndpointError for an endpoint that can never be connected. Every command raises
    ServiceAbsentError where nobody answers, ServiceBusyError where the state of the service does
    not allow it, ServiceVersionError where the service does not know it, and RefusedError, with
    the service's sentence, where it is refused.
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
        self._open: set[Subscriber[Any] | ClockedPublisher] = set()
        self._control = ControlClient(at.control, timeout_s=timeout_s, keys=keys)
        try:
            self._newest = self._line(Result.from_bytes, at.results, latest=True)
            self._every: Line[Result] | None = None
        except FatalError:
            self._control.close()
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

    def results(self, *, latest: bool = True, timeout_s: float | None = None) -> Stream[Result]:
        """Return results as they come: the newest only, or with `latest=False` every one.

        With `timeout_s` the stream ends where the service is ready and sends none for so long;
        where it is absent, warming up, draining, paused, or of another version, the error says
        so. Without, it waits for ever, through restarts of the service.
        """
        line = self._newest
        if not latest:
            line = self._line(Result.from_bytes, self.endpoints.results, latest=False)
        return Stream(
            lambda: self._do(procedures.result_or_end(line, timeout_s)),
            (lambda: None) if latest else self._closing(line),
        )

    def next_result(
        self,
        timeout_s: float | None = None,
        *,
        series: str | None = None,
        frame: int | None = None,
    ) -> Result:
        """Return the newest result not yet seen, waiting for one where there is none.

        With `series` or `frame` others and earlier ones are passed over: a loop that acts on a
        frame that it asked for gets that frame's result, or a later one's where it was dropped.
        Raises NoResultError where the service is ready and none came, else as `results` does.
        """
        every = None if frame is None else self._all()
        return self._do(
            procedures.next_result(self._newest, timeout_s, every=every, series=series, frame=frame)
        )

    def events(self, *kinds: str, timeout_s: float | None = None) -> Stream[Event]:
        """Return events as they come, all or those of some kinds (`alarm`, `community`, ...).

        With `timeout_s` the stream ends where none of these came for so long, and raises
        ServiceAbsentError where nobody answers.
        """
        line = self._line(decode_event, self.endpoints.events, latest=False)
        return Stream(
            lambda: self._do(procedures.event_or_end(line, kinds, timeout_s)),
            self._closing(line),
        )

    def status(self) -> Reply:
        """Return the service's `state`, totals, rate and the other keys of the contract."""
        return self._control.ask(calls.status())

    def config(self) -> dict[str, Any]:
        """Return the effective settings, section by section."""
        return self._control.ask(calls.config())

    def set(self, values: Mapping[str, Any]) -> None:
        """Change live settings, as `{"graph.resolution": 0.5}`: all of them or none."""
        self._control.ask(calls.set_values(values))

    @contextmanager
    def changed(self, values: Mapping[str, Any]) -> Iterator[None]:
        """Change live settings as `set` does, and put back at the end what was in force before."""
        before = self.config()
        self.set(values)
        try:
            yield
        finally:
            self.set(calls.settings_of(before, values))

    def name(self, community: int, name: str | None) -> None:
        """Name a community, by its id, or take its name away with None."""
        self._control.ask(calls.name(community, name))

    def reference(self) -> Reply:
        """Keep the current frame's communities as the state that later ones are compared with."""
        return self._control.ask(calls.whole("reference"))

    def targets(
        self,
        community: Community,
        count: int = 1,
        strategy: Strategy = "interior",
        **options: Any,
    ) -> tuple[Target, ...]:
        """Return at most `count` points of a community of the newest frame, the best first.

        Options are those of the contract's command: `min_distance_px`, `one_per_region`, `seed`,
        `avoid_visited`, `mark_visited`, `metres`. Raises RefusedError for a community that nobody
        knows, and ServiceBusyError where the newest frame does not show it.
        """
        return self._control.ask(calls.targets(community, count, strategy, options))

    @property
    def visited(self) -> Visited:
        """The points that the service remembers as visited: to mark, list and clear."""
        return Visited(self._control.ask)

    @property
    def rules(self) -> Rules:
        """The rules that raise alarms: to list, set and remove."""
        return Rules(self._control.ask)

    def pause(self) -> None:
        """Let the service take no more frames until `resume`."""
        self._control.ask(calls.whole("pause"))

    def resume(self) -> None:
        self._control.ask(calls.whole("resume"))

    def drain(self) -> None:
        """Let the service finish what it received, and end."""
        self._control.ask(calls.whole("drain"))

    def reset(self) -> None:
        """Let the service forget identities and names."""
        self._control.ask(calls.whole("reset"))

    def call(self, cmd: str, **arguments: Any) -> Reply:
        """Return the reply to any command of the contract, by its name, sent once."""
        return self._control.call(cmd, **arguments)

    def wait_until(self, state: str = "ready", timeout_s: float = 60.0) -> Reply:
        """Return the first status whose state is `state`.

        Raises ServiceAbsentError or ServiceBusyError when it does not come in time.
        """
        return self._do(procedures.wait_until(state, timeout_s, patience_s=self._timeout_s))

    def clock(self, rounds: int = procedures.CLOCK_ROUNDS) -> ClockOffset:
        """Return the service's clock minus this machine's, with its uncertainty."""
        return self._do(procedures.measure_clock(rounds))

    def publisher(self, endpoint: str, **options: Any) -> ClockedPublisher:
        """Return a sender of frames that says in each how the clocks differ.

        Options are those of ClockedPublisher. It is closed with the client.
        """
        at = self.endpoints
        publisher = ClockedPublisher(endpoint, control=at.control, keys=at.keys, **options)
        self._open.add(publisher)
        return publisher

    def close(self) -> None:
        """Close all that was opened; doing so twice is harmless."""
        for one in self._open:
            one.close()
        self._open.clear()
        self._control.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _line(
        self,
        decode: Callable[[bytes], Item],
        endpoint: str,
        *,
        latest: bool,
        hwm_messages: int = HWM_MESSAGES,
    ) -> Line[Item]:
        heard = Subscriber(
            decode,
            endpoint,
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

    def _do(self, procedure: Procedure[Answer]) -> Answer:
        """Do a procedure's steps, one after another, and return its result."""
        try:
            step = next(procedure)
            while True:
                try:
                    outcome = self._step(step)
                except FatalError as error:
                    step = procedure.throw(error)
                else:
                    step = procedure.send(outcome)
        except StopIteration as done:
            answer: Answer = done.value
            return answer

    def _step(self, step: Step) -> Any:
        match step:
            case Ask(call, timeout_s, attempts):
                return self._control.ask(call, timeout_s=timeout_s, attempts=attempts)
            case Hear(line, timeout_s):
                return line.receive(timeout_s)
            case Rest(seconds):
                return time.sleep(seconds)
