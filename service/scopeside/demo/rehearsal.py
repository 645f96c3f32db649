"""Runs the main job as three processes over TCP: a source, the service, and this subscriber."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scopeside.client.control import ControlClient
from scopeside.client.result import Result, ResultAccounting
from scopeside.client.subscriber import EventSubscriber, ResultSubscriber
from scopeside.demo.gathering import Gathering
from scopeside.demo.processes import Child, children, free_endpoints
from scopeside.demo.tap import FrameTap
from scopeside.errors import EndpointError, OutputError, ServiceError
from scopeside.view.display import Show, display
from scopeside.view.monitor import Monitor

SERIES = "demo"

READY_S = 180.0
"""Longest wait for the service to be ready: the first start compiles the encoder."""

SILENCE_S = 60.0
"""Longest wait for anything new once all frames are sent."""

POLL_S = 0.05
LINE_EVERY_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run: `source` is the command that publishes, `frames` None where it decides."""

    source: tuple[str, ...]
    service: tuple[str, ...]
    frames: int | None
    out: Path
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it; `source` is the publisher's own report."""

    gathering: Gathering
    accounting: ResultAccounting
    source: dict[str, Any]
    status: dict[str, Any]
    results: int
    seconds: float

    @property
    def rate_hz(self) -> float:
        """Results a second from the first result to the last."""
        return (self.results - 1) / self.seconds if self.seconds > 0 else 0.0

    def problems(self) -> list[str]:
        """Return a sentence for everything that must not be, none where all is well."""
        books, sent = self.accounting, int(self.source["frames"])
        found = []
        if not books.segmented:
            found.append("No frame was segmented.")
        if not books.balances or books.in_flight:
            found.append(f"The books do not balance at the end: {books}.")
        if books.received - books.duplicate + books.missing != sent:
            found.append(
                f"{sent} frames were sent, but {books.received} received, {books.duplicate} of "
                f"them twice, and {books.missing} missing do not account for them."
            )
        if self.results != books.segmented:
            found.append(
                f"{books.segmented} frames were segmented, but {self.results} results arrived."
            )
        return found


def rehearse(plan: Plan) -> Outcome:
    """Run everything to its end; children never outlive this call.

    Raises ServiceError when a process fails or falls silent, with the end of its log.
    """
    try:
        plan.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder {plan.out} cannot be made: {error}.") from error
    frames_at, results_at, events_at, control_at = free_endpoints(4)
    service_options = _settings(
        {
            "ingest.endpoint": frames_at,
            "ingest.socket": "sub",
            "ingest.attach": "connect",
            "publish.results": results_at,
            "publish.events": events_at,
            "control.endpoint": control_at,
            "http.endpoint": "none",
        }
    )
    source_report = plan.out / "source.json"
    source_report.unlink(missing_ok=True)
    with children() as stack:
        results = stack.enter_context(ResultSubscriber(results_at))
        events = stack.enter_context(EventSubscriber(events_at))
        tap = stack.enter_context(FrameTap(frames_at))
        control = stack.enter_context(ControlClient(control_at))
        show = stack.enter_context(display(plan.title, plain=False, every_s=LINE_EVERY_S))
        service = _start(stack, (*plan.service, *service_options), plan.out / "serve.log")
        _wait_until_ready(control, service, show)
        to = ("--to", frames_at, "--series", SERIES, "--subscribers", "2")
        source = _start(
            stack, (*plan.source, *to, "--report", str(source_report)), plan.out / "source.log"
        )
        run = _Run(plan, results=results, events=events, tap=tap, show=show)
        run.follow(service=service, source=source)
        status = control.call("status")
        service.stop()
        service.require_healthy()
    return Outcome(
        gathering=run.gathering,
        accounting=run.accounting or ResultAccounting.from_message(status["totals"]),
        source=json.loads(source_report.read_text(encoding="utf-8")),
        status=status,
        results=run.monitor.results,
        seconds=run.seconds,
    )


class _Run:
    """Follows the stream until the series has ended and every result has arrived."""

    def __init__(
        self,
        plan: Plan,
        *,
        results: ResultSubscriber,
        events: EventSubscriber,
        tap: FrameTap,
        show: Show,
    ) -> None:
        self.gathering = Gathering(series=SERIES, frames=plan.frames)
        self.monitor = Monitor()
        self.accounting: ResultAccounting | None = None
        self._plan = plan
        self._results, self._events, self._tap, self._show = results, events, tap, show
        self._first_s = self._last_s = 0.0

    @property
    def seconds(self) -> float:
        return self._last_s - self._first_s

    def follow(self, *, service: Child, source: Child) -> None:
        """Return when all has come; ServiceError when it never does."""
        news_s = time.monotonic()
        while not self._complete():
            result = self._results.receive(POLL_S)
            now_s = time.monotonic()
            for message in self._tap.waiting():
                self.gathering.frame(message)
            if result is not None:
                self._take(result, now_s)
                news_s = now_s
            if self._take_events(now_s):
                news_s = now_s
            service.require_running()
            source.require_healthy()
            if source.exit_code is None:
                news_s = now_s
            elif now_s - news_s > SILENCE_S:
                raise ServiceError(
                    f"All frames are sent, but nothing has come from the service for {SILENCE_S:g} "
                    f"s; its log is {service.log}."
                )
            self._show(self.monitor.snapshot(now_s=now_s), self._progress(source))

    def _take(self, result: Result, now_s: float) -> None:
        if not self.monitor.results:
            self._first_s = now_s
        self._last_s = now_s
        self.monitor.result(result, now_s=now_s)
        self.gathering.result(result)

    def _take_events(self, now_s: float) -> bool:
        """Take in what has come; True when the series ended, with its final books."""
        before = self.accounting
        while (event := self._events.receive(0.0)) is not None:
            self.monitor.event(event, now_s=now_s)
            what = event["kind"], event.get("event"), event.get("series")
            if what == ("series", "ended", SERIES):
                self.accounting = ResultAccounting.from_message(event["accounting"])
        return self.accounting is not before

    def _complete(self) -> bool:
        books = self.accounting
        return books is not None and self.monitor.results >= books.segmented

    def _progress(self, source: Child) -> str:
        last = self.gathering.last
        if last is None:
            return "waiting for the first result"
        of = f" of {self._plan.frames}" if self._plan.frames else ""
        sending = "" if source.exit_code is None else ", all sent"
        return f"last result: frame {last.frame + 1}{of}{sending}"


def _start(stack: ExitStack, arguments: tuple[str, ...], log: Path) -> Child:
    child = Child(arguments, log=log)
    stack.callback(child.stop)
    return child


def _wait_until_ready(control: ControlClient, service: Child, show: Show) -> None:
    until_s = time.monotonic() + READY_S
    monitor = Monitor()
    while True:
        service.require_running()
        show(monitor.snapshot(now_s=time.monotonic()), "the service is warming up")
        try:
            control.wait_until("ready", timeout_s=0.5)
        except EndpointError:
            if time.monotonic() > until_s:
                raise
        else:
            return


def _settings(values: dict[str, str]) -> list[str]:
    return [word for key, value in values.items() for word in ("--set", f"{key}={value}")]
