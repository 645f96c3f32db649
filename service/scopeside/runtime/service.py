"""The service: starts every part, watches over them, and ends them in order.

Threads: ingest (socket to channel), compute (the pipeline), publish (results out), control
(requests), and the main thread, which beats once a second and waits for the word to stop.

    ingest -> [frames] -> compute -> [segmentations] -> publish
"""

from __future__ import annotations

import gc
import logging
import math
import sys
import time
from collections.abc import Callable
from threading import Event, Thread

from scopeside import __version__
from scopeside.configuration import Configuration
from scopeside.errors import DropReason, FatalError, ServiceError
from scopeside.messages import Accounting, Frame
from scopeside.ports import Embedder
from scopeside.published import Published
from scopeside.runtime.compute import Compute
from scopeside.runtime.lifecycle import Lifecycle, State
from scopeside.runtime.memory import keep_freed_memory
from scopeside.runtime.parts import bind_parts
from scopeside.runtime.publish_queue import NOT_PUBLISHED, PublishQueue
from scopeside.runtime.signals import Signals
from scopeside.runtime.warming import Warming
from scopeside.stages.ingest import Ingest
from scopeside.stages.publish import Publish

log = logging.getLogger(__name__)

SWITCH_INTERVAL_S = 0.0005
"""Python's own 5 ms would let one busy thread hold up a frame that only passes through."""

GRACE_S = 2.0
"""Time for a thread to end once there is nothing left for it to do."""

LOOK_S = 0.05
"""How often a wait for a thread looks whether a beat is due or the service is to stop."""


class Service:
    """One service process; `run` blocks until it has stopped and returns the exit code."""

    def __init__(self, configuration: Configuration, *, embedder: Embedder | None = None) -> None:
        """Bind what the service offers, or raise the EndpointError or ConfigError in the way.

        Frames are asked for only once it is warm: those sent before would be stale.

        `embedder` replaces the one that the settings describe.
        """
        self._configuration = configuration
        self._given_embedder = embedder
        self._lifecycle = Lifecycle()
        self._failure: BaseException | None = None
        self.left_behind = False
        """Whether `run` returned while a thread was still inside a compiler, encoder or decoder."""
        self._waiting_s: Callable[[], float | None] = lambda: None
        self._stop_ingest = Event()
        self._stop_control = Event()
        parts = bind_parts(configuration, self._lifecycle, self._beat)
        self._sockets, self._flow, self._companions = parts.sockets, parts.flow, parts.companions
        self._pulse, self._supervisor = parts.pulse, parts.supervisor
        self._commands, self._control, self._web = parts.commands, parts.control, parts.web

    def run(self) -> int:
        """Start, warm up, serve until told to stop, drain.

        Raises what warming up raises, OutputError where a recording cannot begin, and ServiceError
        when a thread of the service died.
        """
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        keep_freed_memory()
        signals = Signals(self._lifecycle)
        control = self._thread("control", lambda: self._control.run(self._stop_control))
        control.start()
        try:
            self._web.begin()
            self._companions.begin()
            compute = self._warm()
            if compute is not None:
                self._serve(compute)
        finally:
            gc.unfreeze()
            self._companions.end(still=not self.left_behind)
            self._flow.intake.finish()
            self._lifecycle.enter(State.STOPPED)
            self._beat()
            self._web.end()
            self._stop_control.set()
            control.join(GRACE_S)
            self._supervisor.close()
            self._sockets.close()
            signals.restore()
        if isinstance(self._failure, FatalError):
            raise self._failure
        if self._failure is not None:
            raise ServiceError(
                f"The service stopped because a thread failed: "
                f"{type(self._failure).__name__}: {self._failure}."
            ) from self._failure
        totals = self._flow.books.totals()
        log.info(
            "stopped",
            extra={"received": totals.received, "segmented": totals.segmented}
            | {f"dropped_{reason}": count for reason, count in totals.dropped.items()},
        )
        return 0

    def stop(self) -> None:
        """Ask a running service to drain and stop; any thread may."""
        self._lifecycle.request_stop()

    def _warm(self) -> Compute | None:
        """Warm up; None where the service is told to stop meanwhile."""
        self._lifecycle.enter(State.WARMING)
        self._beat()
        settings = self._configuration.settings
        log.info("warming", extra={"version": __version__, "config": self._configuration.hash})
        stop = self._lifecycle.stop_requested
        warming = Warming(self._configuration, embedder=self._given_embedder)
        self._wait_for(warming.thread, math.inf, unless=stop.is_set)
        if stop.is_set():
            self._lifecycle.enter(State.DRAINING)
            self._beat()
            self._wait_for(warming.thread, GRACE_S)
            self.left_behind = warming.thread.is_alive()
            return None
        policy = settings.ingest.effective_policy
        pipeline = warming.pipeline()
        self._companions.steering.attach(pipeline.memory)
        return Compute(
            pipeline,
            frames=self._flow.frames,
            results=PublishQueue(self._flow.segmentations, self._drop, self._companions.steering),
            drop=self._drop,
            deadline_s=settings.ingest.deadline_s if policy == "deadline" else None,
            changed=self._companions.steering.changed,
        )

    def _serve(self, compute: Compute) -> None:
        settings = self._configuration.settings
        ingest = Ingest(
            settings.ingest,
            settings.limits,
            context=self._sockets.context,
            intake=self._flow.intake,
            secure=self._sockets.secure(binds=settings.ingest.attach == "bind"),
            tap=self._companions.tapping.tap,
        )
        publish = Publish(
            settings.publish,
            self._sockets.outputs,
            self._flow.segmentations,
            settle=self._flow.books.segmented,
            settled=self._flow.intake.published,
            observe=self._observe,
            published=self._companions.steering.published,
            save=self._companions.saving.result,
        )
        self._flow.measures.follow(
            ingest=ingest.turns, compute=compute.turns, publish=publish.turns
        )
        # What start-up made lives as long as the service: no collection need walk through it
        # again, which held every thread up for 40 ms (100 ms with torch loaded).
        gc.collect()
        gc.freeze()
        publishing = self._thread("publish", lambda: self._publish(publish))
        computing = self._thread("compute", compute.run)
        ingesting = self._thread("ingest", lambda: ingest.run(self._stop_ingest))
        for thread in (publishing, computing, ingesting):
            thread.start()
        self._commands.attach(compute)
        self._waiting_s = compute.waiting_s
        self._lifecycle.enter(State.READY)
        log.info(
            "ready",
            extra={
                "frames": ingest.endpoint,
                "results": settings.publish.results,
                "events": settings.publish.events,
                "control": settings.control.endpoint,
                "web": self._web.endpoint or "none",
            }
            | compute.describe(),
        )
        while not self._lifecycle.stop_requested.wait(self._pulse.next_s()):
            self._beat()
            self._web.look()
            self._flow.intake.settle()
        self._drain(ingesting, computing, publishing, compute)

    def _drain(
        self, ingesting: Thread, computing: Thread, publishing: Thread, compute: Compute
    ) -> None:
        """Finish what was received, within `service.drain_s`; count what had to be given up."""
        self._lifecycle.enter(State.DRAINING)
        self._beat()
        self._stop_ingest.set()
        self._wait_for(ingesting, GRACE_S)
        self._flow.frames.close()
        self._wait_for(computing, self._configuration.settings.service.drain_s)
        if computing.is_alive():
            compute.abandon.set()
            self._wait_for(computing, GRACE_S)
        self.left_behind = ingesting.is_alive() or computing.is_alive()
        self._flow.intake.give_up()
        for frame in compute.give_up():
            self._drop(frame, DropReason.DEADLINE, "The service stopped before it was done.")
        self._flow.segmentations.close()
        self._wait_for(publishing, GRACE_S)
        for segmentation in self._flow.segmentations.take_all():
            self._drop(segmentation.frame, DropReason.DEADLINE, NOT_PUBLISHED)

    def _observe(self, published: Published) -> None:
        self._flow.measures.observe(published)
        self._companions.previews.put(published)

    def _publish(self, publish: Publish) -> None:
        try:
            publish.run()
        finally:
            # Compute must not wait for ever for room that a dead thread will never make.
            self._flow.segmentations.close()

    def _wait_for(
        self, thread: Thread, timeout_s: float, *, unless: Callable[[], bool] = lambda: False
    ) -> None:
        """Wait until a thread has ended, at most `timeout_s`, while the pulse goes on."""
        until_s = time.monotonic() + timeout_s
        while thread.is_alive() and not unless():
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                return
            thread.join(min(left_s, LOOK_S))
            if self._pulse.due():
                self._beat()
                self._web.look()

    def _beat(self) -> None:
        heartbeat = self._pulse.beat()
        self._sockets.outputs.emit(heartbeat)
        self._supervisor.beat(self._lifecycle.state, heartbeat)
        self._companions.steering.beat(self._waiting_s())

    def _drop(self, frame: Frame, reason: DropReason, message: str) -> Accounting:
        accounting = self._flow.intake.drop(frame, reason, message)
        self._flow.intake.gate.settle()
        return accounting

    def _thread(self, name: str, work: Callable[[], None]) -> Thread:
        def guarded() -> None:
            try:
                work()
            except BaseException as error:
                # A dead thread would leave a service that looks alive: stop it instead.
                self._failure = self._failure or error
                self._lifecycle.request_stop()
                log.exception("thread failed", extra={"part": name})

        # Daemon, so that a frame that computes for ever cannot keep a stopped process alive.
        return Thread(target=guarded, name=f"scopeside-{name}", daemon=True)
