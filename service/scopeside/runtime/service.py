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
from contextlib import ExitStack
from threading import Event, Thread

import zmq

from scopeside import __version__
from scopeside.channels import Channel
from scopeside.configuration import Configuration
from scopeside.errors import DropReason, FatalError, ServiceError
from scopeside.messages import Accounting, Frame, Segmentation
from scopeside.ports import Embedder
from scopeside.published import Published
from scopeside.runtime.commands import ServiceCommands
from scopeside.runtime.compute import Compute
from scopeside.runtime.control import ControlServer
from scopeside.runtime.fault_log import FaultLog
from scopeside.runtime.lifecycle import Lifecycle, State
from scopeside.runtime.measures import Measures
from scopeside.runtime.memory import keep_freed_memory
from scopeside.runtime.preview import Previews
from scopeside.runtime.publish_queue import NOT_PUBLISHED, PublishQueue
from scopeside.runtime.pulse import Pulse
from scopeside.runtime.saving import Saving
from scopeside.runtime.security import Security
from scopeside.runtime.signals import Signals
from scopeside.runtime.supervisor import Supervisor
from scopeside.runtime.tapping import Tapping
from scopeside.runtime.warming import Warming
from scopeside.runtime.web import Web
from scopeside.stages.books import Books
from scopeside.stages.ingest import Ingest, is_local, require_free
from scopeside.stages.intake import Intake
from scopeside.stages.publish import Outputs, Publish
from scopeside.steering.steering import Steering

log = logging.getLogger(__name__)

PUBLISH_QUEUE = 4
"""Finished results that may wait for the publishing thread."""

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
        settings = configuration.settings
        self._configuration = configuration
        self._given_embedder = embedder
        self._lifecycle = Lifecycle()
        self._failure: BaseException | None = None
        self.left_behind = False
        """Whether `run` returned while a thread was still inside a compiler, encoder or decoder."""
        self._waiting_s: Callable[[], float | None] = lambda: None
        self._stop_ingest = Event()
        self._stop_control = Event()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        with ExitStack() as undo:
            undo.callback(self._context.destroy, linger=0)
            require_free(settings.ingest)
            self._security = Security(settings.security, self._context)
            undo.callback(self._security.close)
            self._outputs = Outputs(
                settings.publish, self._context, secure=self._secure(binds=True)
            )
            policy = settings.ingest.effective_policy
            self._frames: Channel[Frame] = Channel(
                name="frames", policy=policy, capacity=settings.ingest.queue_frames
            )
            self._segmentations: Channel[Segmentation] = Channel(
                name="segmentations",
                policy="lossless" if policy == "lossless" else "deadline",
                capacity=PUBLISH_QUEUE,
            )
            self._books = Books()
            faults = FaultLog(self._outputs.emit)
            self._measures = Measures((self._frames, self._segmentations), faults)
            references = (settings.preprocess.dark, settings.preprocess.flat)
            self._previews = Previews(corrected=any(references))
            self._intake = Intake(
                limits=settings.limits,
                frames=self._frames,
                books=self._books,
                emit=faults,
                same_host=is_local(settings.ingest.endpoint),
            )
            self._steering = Steering(
                settings.rules,
                emit=self._outputs.emit,
                fault=self._intake.reports.error,
                totals=self._books.totals,
                state_file=settings.state.file,
            )
            undo.callback(self._steering.end, still=False)
            self._tapping = Tapping(settings, self._intake.reports.error)
            self._saving = Saving(
                settings.save,
                source=settings.publish.results,
                report=self._intake.reports.error,
            )
            self._pulse = Pulse(
                self._lifecycle,
                self._books,
                self._frames,
                recording=self._tapping.figures,
                saving=self._saving.figures,
            )
            self._web = Web(configuration, self._security, self._intake.reports.error)
            undo.callback(self._web.end)
            self._commands = ServiceCommands(
                configuration,
                self._web.endpoint,
                self._lifecycle,
                self._intake,
                self._pulse,
                self._beat,
                self._measures,
                self._previews,
                self._steering,
            )
            self._control = ControlServer(
                settings.control.endpoint,
                self._context,
                secure=self._secure(binds=True),
                commands=self._commands,
            )
            self._measures.follow(main=self._pulse.turns, control=self._control.turns)
            self._supervisor = Supervisor(lambda: self._measures.hanging(settings.http.stuck_s))
            undo.callback(self._supervisor.close)
            undo.pop_all()

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
            self._tapping.begin()
            self._steering.begin()
            self._saving.begin()
            compute = self._warm()
            if compute is not None:
                self._serve(compute)
        finally:
            gc.unfreeze()
            self._tapping.end()
            self._steering.end(still=not self.left_behind)
            self._saving.end()
            self._intake.finish()
            self._lifecycle.enter(State.STOPPED)
            self._beat()
            self._web.end()
            self._stop_control.set()
            control.join(GRACE_S)
            self._outputs.close()
            self._supervisor.close()
            self._security.close()
            self._context.destroy(linger=0)
            signals.restore()
        if isinstance(self._failure, FatalError):
            raise self._failure
        if self._failure is not None:
            raise ServiceError(
                f"The service stopped because a thread failed: "
                f"{type(self._failure).__name__}: {self._failure}."
            ) from self._failure
        totals = self._books.totals()
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
        self._steering.attach(pipeline.memory)
        return Compute(
            pipeline,
            frames=self._frames,
            results=PublishQueue(self._segmentations, self._drop, self._steering),
            drop=self._drop,
            deadline_s=settings.ingest.deadline_s if policy == "deadline" else None,
            changed=self._steering.changed,
        )

    def _serve(self, compute: Compute) -> None:
        settings = self._configuration.settings
        ingest = Ingest(
            settings.ingest,
            settings.limits,
            context=self._context,
            intake=self._intake,
            secure=self._secure(binds=settings.ingest.attach == "bind"),
            tap=self._tapping.tap,
        )
        publish = Publish(
            settings.publish,
            self._outputs,
            self._segmentations,
            settle=self._books.segmented,
            settled=self._intake.published,
            observe=self._observe,
            published=self._steering.published,
            save=self._saving.result,
        )
        self._measures.follow(ingest=ingest.turns, compute=compute.turns, publish=publish.turns)
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
            self._intake.settle()
        self._drain(ingesting, computing, publishing, compute)

    def _drain(
        self, ingesting: Thread, computing: Thread, publishing: Thread, compute: Compute
    ) -> None:
        """Finish what was received, within `service.drain_s`; count what had to be given up."""
        self._lifecycle.enter(State.DRAINING)
        self._beat()
        self._stop_ingest.set()
        self._wait_for(ingesting, GRACE_S)
        self._frames.close()
        self._wait_for(computing, self._configuration.settings.service.drain_s)
        if computing.is_alive():
            compute.abandon.set()
            self._wait_for(computing, GRACE_S)
        self.left_behind = ingesting.is_alive() or computing.is_alive()
        self._intake.give_up()
        for frame in compute.give_up():
            self._drop(frame, DropReason.DEADLINE, "The service stopped before it was done.")
        self._segmentations.close()
        self._wait_for(publishing, GRACE_S)
        for segmentation in self._segmentations.take_all():
            self._drop(segmentation.frame, DropReason.DEADLINE, NOT_PUBLISHED)

    def _observe(self, published: Published) -> None:
        self._measures.observe(published)
        self._previews.put(published)

    def _publish(self, publish: Publish) -> None:
        try:
            publish.run()
        finally:
            # Compute must not wait for ever for room that a dead thread will never make.
            self._segmentations.close()

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
        self._outputs.emit(heartbeat)
        self._supervisor.beat(self._lifecycle.state, heartbeat)
        self._steering.beat(self._waiting_s())

    def _drop(self, frame: Frame, reason: DropReason, message: str) -> Accounting:
        accounting = self._intake.drop(frame, reason, message)
        self._intake.gate.settle()
        return accounting

    def _secure(self, *, binds: bool) -> Callable[[zmq.Socket[bytes]], None]:
        return lambda socket: self._security.apply(socket, binds=binds)

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
