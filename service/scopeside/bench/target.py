"""The service under measurement: a real process, and the sockets on both of its sides."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scopeside.bench.frames import Load
from scopeside.bench.listener import Listener
from scopeside.bench.sender import Sender
from scopeside.bench.usage import Meter, Nvml, Watched
from scopeside.client.control import ControlClient
from scopeside.client.publisher import FramePublisher
from scopeside.client.result import Result, ResultAccounting
from scopeside.demo.processes import Child, children, free_endpoints
from scopeside.errors import EndpointError, ServiceError
from scopeside.settings import Settings

SERIES = "bench"
READY_S = 600.0
"""Longest start: TensorRT builds an engine for minutes."""
ANSWER_S = 10.0
SILENCE_S = 60.0
"""Longest wait for a frame to be accounted for."""
POLL_S = 0.02

Transport = Literal["tcp", "ipc"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """The service's accounts at one moment."""

    received: int
    segmented: int
    missing: int
    duplicate: int
    in_flight: int
    dropped: dict[str, int]

    def since(self, before: Books) -> Books:
        """What was added since; `in_flight` stays what it is now."""
        reasons = {**dict.fromkeys(before.dropped, 0), **self.dropped}
        dropped = {why: n - before.dropped.get(why, 0) for why, n in reasons.items()}
        return Books(
            received=self.received - before.received,
            segmented=self.segmented - before.segmented,
            missing=self.missing - before.missing,
            duplicate=self.duplicate - before.duplicate,
            in_flight=self.in_flight,
            dropped={why: n for why, n in dropped.items() if n},
        )


class Target:
    """A running service: what is offered goes in here, and what comes of it is asked here."""

    def __init__(
        self,
        child: Child,
        *,
        control: ControlClient,
        publisher: FramePublisher,
        listener: Listener,
        meter: Meter,
        load: Load,
        start_s: float,
    ) -> None:
        self.load = load
        self.listener = listener
        self.meter = meter
        self.sender = Sender(publisher, load)
        self.start_s = start_s
        self._child = child
        self._control = control
        self._publisher = publisher
        self._next = 0

    @property
    def next_number(self) -> int:
        """The number of the next frame of the series."""
        return self._next

    @property
    def last_result(self) -> Result | None:
        return self.listener.last

    def numbers(self, count: int) -> int:
        """Reserve `count` frame numbers and return the first."""
        first, self._next = self._next, self._next + count
        return first

    def one(self, timeout_s: float) -> float | None:
        """Send one frame; return the seconds from then to its result, None where none came."""
        number = self.numbers(1)
        (sent,) = self.sender.offer(first=number, count=1, rate_hz=1.0, give_up=self.has_ended) or (
            None,
        )
        arrival = self.listener.wait_for(number, timeout_s)
        self._child.require_running()
        return arrival.at_s - sent.due_s if sent is not None and arrival is not None else None

    def has_ended(self) -> bool:
        return self._child.exit_code is not None

    def books(self) -> Books:
        totals = self._control.call("status")["totals"]
        read = ResultAccounting.from_message(totals)
        return Books(
            received=read.received,
            segmented=read.segmented,
            missing=read.missing,
            duplicate=read.duplicate,
            in_flight=read.in_flight,
            dropped={reason: count for reason, count in read.dropped.items() if count},
        )

    def settled(self, before: Books, *, sent: int) -> Books:
        """Return the books since `before` once all that was sent is accounted for.

        What a PUB socket dropped on the way never arrives: when nothing moves for a second, the
        books are final. Raises ServiceError where the service ends or falls silent with frames
        in flight.
        """
        moved_s = time.monotonic()
        last: Books | None = None
        while True:
            self._child.require_running()
            now = self.books().since(before)
            if not now.in_flight and now.received >= sent:
                return now
            if now != last:
                last, moved_s = now, time.monotonic()
            still_s = time.monotonic() - moved_s
            if not now.in_flight and still_s > 1.0:
                return now
            if still_s > SILENCE_S:
                raise ServiceError(
                    f"The service has had {now.in_flight} frames in flight for {SILENCE_S:g} s "
                    f"without finishing one; its log is {self._child.log}."
                )
            time.sleep(POLL_S)

    def end(self) -> None:
        """End the series; closing must not wait for frames that nobody takes."""
        self._publisher.end()


@contextmanager
def running(
    settings: Settings,
    options: Sequence[str],
    *,
    load: Load,
    folder: Path,
    log: Path,
    transport: Transport = "tcp",
) -> Iterator[Target]:
    """A service started with `options`, ready, with a series open; ended on the way out.

    `folder` may go when it has ended; its `log` is what errors name, and should stay.
    """
    endpoints = _endpoints(transport, folder)
    frames_at, results_at, events_at, control_at = endpoints
    kind = settings.ingest.socket
    sets = {
        "ingest.endpoint": frames_at,
        "ingest.attach": "connect",
        "publish.results": results_at,
        "publish.events": events_at,
        "control.endpoint": control_at,
        "http.endpoint": "none",
        "service.frame_shape": f"[{load.shape[0]}, {load.shape[1]}]",
        # Without the sign of the byte order: what is not native is turned round on the way in.
        "service.frame_dtype": load.dtype[1:],
    }
    words = [f"--set={key}={value}" for key, value in sets.items()]
    with children() as stack:
        begun_s = time.monotonic()
        child = Child(["serve", *options, *words], log=log)
        stack.callback(child.stop)
        publisher = stack.enter_context(
            FramePublisher(frames_at, socket="push" if kind == "pull" else "pub", linger_s=0.5)
        )
        control = stack.enter_context(ControlClient(control_at, timeout_s=ANSWER_S))
        _wait_until_ready(child, control)
        start_s = time.monotonic() - begun_s
        listener = Listener(results_at, SERIES)
        stack.callback(listener.close)
        listener.start()
        meter = Meter(Watched(child.pid), gpus=Nvml())
        stack.callback(meter.close)
        meter.start()
        if not publisher.wait_for_subscriber(ANSWER_S):
            raise ServiceError(f"The service never came for frames; its log is {child.log}.")
        publisher.start(SERIES)
        yield Target(
            child,
            control=control,
            publisher=publisher,
            listener=listener,
            meter=meter,
            load=load,
            start_s=start_s,
        )


def _endpoints(transport: Transport, folder: Path) -> list[str]:
    if transport == "ipc":
        return [f"ipc://{folder / name}" for name in ("frames", "results", "events", "control")]
    return free_endpoints(4)


def _wait_until_ready(child: Child, control: ControlClient) -> None:
    until_s = time.monotonic() + READY_S
    while True:
        child.require_running()
        try:
            control.wait_until("ready", timeout_s=0.5)
        except EndpointError:
            if time.monotonic() > until_s:
                raise
        else:
            return
