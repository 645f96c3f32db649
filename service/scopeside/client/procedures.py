"""What both clients do in more than one step, written once and without waiting.

A procedure is a generator: it yields what it wants done (ask, hear, rest), is sent what came of
it, and returns its result. `Client` does the steps as they come, `AsyncClient` awaits them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, NoReturn, TypeAlias, TypeVar

from scopeside.client import calls
from scopeside.client.calls import Call, Reply
from scopeside.client.exchange import ClockOffset, Exchange, estimate
from scopeside.client.inbox import Inbox
from scopeside.client.result import Result
from scopeside.errors import (
    EndpointError,
    FatalError,
    NoResultError,
    ServiceAbsentError,
    ServiceBusyError,
    ServicePausedError,
    ServiceVersionError,
)
from scopeside.wire.events import Event

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

REST_S = 0.05
"""Between two questions for the service's state."""

EXPLAIN_S = 1.0
"""Time to ask why nothing comes."""

LOOK_S = 0.25
"""Between two looks at the subscription that keeps everything, while a frame is awaited."""

CLOCK_ROUNDS = 16
"""Exchanges of time stamps for one estimate; about a millisecond each within one network."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Send a call, and be sent its answer; what it raises is raised where it was yielded."""

    call: Call[Any]
    timeout_s: float | None = None
    attempts: int | None = None


@dataclass(frozen=True, slots=True)
class Hear(Generic[Item]):
    """Wait for an item on a line, and be sent it, or None when none came in time."""

    line: Any
    timeout_s: float | None


@dataclass(frozen=True, slots=True)
class Rest:
    seconds: float


Step: TypeAlias = Ask | Hear[Any] | Rest
Procedure: TypeAlias = Generator[Step, Any, Outcome]


@dataclass(frozen=True, slots=True)
class Line(Generic[Item]):
    """A subscription, and what is needed to say why it is silent."""

    subscriber: Any
    inbox: Inbox[Item]
    endpoint: str


def next_result(
    line: Line[Result],
    timeout_s: float | None,
    *,
    every: Line[Result] | None = None,
    series: str | None = None,
    frame: int | None = None,
) -> Procedure[Result]:
    """Return the next result; of `series` alone, and of no frame before `frame`, where given.

    `line` may keep the newest result alone. ZeroMQ then leaves one out that comes while the
    reader looks, until another follows it, and none does where the sender awaits this very
    result: it is looked for on `every`, which keeps a few of all.

    Raises NoResultError where the service is ready and none came, else what `silence` raises.
    """
    left = _Limit(timeout_s)
    spare: Result | None = None
    while True:
        while every is not None and (one := (yield Hear(every.subscriber, 0.0))) is not None:
            spare = one if _wanted(one, series, frame) else spare
        wait_s = left.seconds
        if every is not None:
            wait_s = 0.0 if spare else LOOK_S if wait_s is None else min(LOOK_S, wait_s)
        result: Result | None = yield Hear(line.subscriber, wait_s)
        if result is not None and _wanted(result, series, frame):
            return result
        if result is None and spare is not None:
            return spare
        if result is None and (every is None or left.seconds == 0.0):
            yield from _nothing_came(line, timeout_s, series)


def _wanted(result: Result, series: str | None, frame: int | None) -> bool:
    return (series is None or result.series == series) and (frame is None or result.frame >= frame)


def _nothing_came(
    line: Line[Result], timeout_s: float | None, series: str | None
) -> Procedure[NoReturn]:
    yield from silence(line, timeout_s)
    wanted = "" if series is None else f" of series {series}"
    other = line.inbox.last_problem
    came = "" if other is None else f" What else came could not be read: {other}"
    raise NoResultError(
        f"No result{wanted} came from {line.endpoint} within {timeout_s:g} s, though the "
        "service is ready: see whether the microscope sends, and to its "
        f"ingest.endpoint.{came}"
    )


def result_or_end(line: Line[Result], timeout_s: float | None) -> Procedure[Result | None]:
    """Return the next result, or None where the service is ready and none came in time."""
    result: Result | None = yield Hear(line.subscriber, timeout_s)
    if result is None:
        yield from silence(line, timeout_s)
    return result


def event_or_end(
    line: Line[Event], kinds: tuple[str, ...], timeout_s: float | None
) -> Procedure[Event | None]:
    """Return the next event of these kinds (of any, where none is named), or None in silence.

    Raises ServiceAbsentError where nobody answers.
    """
    left = _Limit(timeout_s)
    while True:
        event: Event | None = yield Hear(line.subscriber, left.seconds)
        if event is None:
            # A service that warms or pauses sends events, so only an absent one is silent.
            with suppress(ServiceBusyError, ServicePausedError):
                yield from silence(line, timeout_s)
            return None
        if not kinds or event["kind"] in kinds:
            return event


def silence(line: Line[Any], waited_s: float | None) -> Procedure[None]:
    """Raise what explains that nothing came: another version, no service, warming up, a pause."""
    if line.inbox.other_version:
        raise ServiceVersionError(
            f"What {line.endpoint} sends cannot be read: {line.inbox.last_problem} Update the "
            "older of service and client."
        )
    try:
        reply: Reply = yield Ask(calls.status(), timeout_s=EXPLAIN_S)
    except ServiceAbsentError as error:
        raise ServiceAbsentError(
            f"Nothing came from {line.endpoint} within {waited_s:g} s, and no service answers: "
            "start it with `scopeside serve`, or correct the client's endpoints."
        ) from error
    problem = explained(reply.get("state"), line.endpoint)
    if problem is not None:
        raise problem


def explained(state: Any, endpoint: str) -> FatalError | None:
    """Return what to say of a service in this state that sends nothing; None for a ready one."""
    if state == "paused":
        return ServicePausedError(
            f"The service behind {endpoint} is paused: resume() lets it take frames again."
        )
    if state in {"starting", "warming"}:
        return ServiceBusyError(
            f'The service behind {endpoint} is {state}: wait_until("ready") waits for it.'
        )
    if state in {"draining", "stopped"}:
        return ServiceBusyError(
            f"The service behind {endpoint} is {state} and takes no more frames: start it anew."
        )
    return None


def wait_until(state: str, timeout_s: float, *, patience_s: float) -> Procedure[Reply]:
    """Return the first status whose state is `state`.

    Raises ServiceAbsentError where nobody ever answered, else ServiceBusyError, once `timeout_s`
    is over. `patience_s` is the longest wait for a single answer.
    """
    left = _Limit(timeout_s)
    last: Any = None
    while (seconds := left.seconds or 0.0) > 0:
        try:
            reply: Reply = yield Ask(calls.status(), min(seconds, patience_s), 1)
        except EndpointError:
            continue
        if (last := reply.get("state")) == state:
            return reply
        yield Rest(min(REST_S, left.seconds or 0.0))
    if last is None:
        raise ServiceAbsentError(
            f"No service answered within {timeout_s:g} s: start it with `scopeside serve`, or "
            "correct the client's endpoints."
        )
    raise ServiceBusyError(
        f'The service was not "{state}" within {timeout_s:g} s, but {last}: wait longer, or see '
        "its log."
    )


def measure_clock(
    rounds: int = CLOCK_ROUNDS, *, now_ns: Callable[[], int] = time.time_ns
) -> Procedure[ClockOffset]:
    """Return the service's clock minus ours; what a call raises where not one reply came."""
    exchanges: list[Exchange] = []
    lost: ServiceAbsentError | None = None
    for _ in range(max(1, rounds)):
        try:
            exchanges.append((yield Ask(calls.clock(now_ns(), now_ns))))
        except ServiceAbsentError as error:
            lost = error
            break
    if lost is not None and not exchanges:
        raise lost
    return estimate(exchanges)


class _Limit:
    """How much time is left; None for no limit."""

    def __init__(self, limit_s: float | None) -> None:
        self._until_s = None if limit_s is None else time.monotonic() + limit_s

    @property
    def seconds(self) -> float | None:
        return None if self._until_s is None else max(0.0, self._until_s - time.monotonic())
