"""What a service is made of before it is warm: everything bound and wired, nothing running.

The order is that of what may fail: sockets first, then what only counts and tells, then what
answers requests about all of it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import zmq

from scopeside.channels import Channel
from scopeside.configuration import Configuration
from scopeside.messages import Frame, Segmentation
from scopeside.runtime.commands import ServiceCommands
from scopeside.runtime.control import ControlServer
from scopeside.runtime.fault_log import FaultLog
from scopeside.runtime.lifecycle import Lifecycle
from scopeside.runtime.measures import Measures
from scopeside.runtime.preview import Previews
from scopeside.runtime.pulse import Pulse
from scopeside.runtime.saving import Saving
from scopeside.runtime.security import Security
from scopeside.runtime.supervisor import Supervisor
from scopeside.runtime.tapping import Tapping
from scopeside.runtime.web import Web
from scopeside.settings import Settings
from scopeside.stages.books import Books
from scopeside.stages.ingest import is_local, require_free
from scopeside.stages.intake import Intake
from scopeside.stages.publish import Outputs
from scopeside.steering.steering import Steering

PUBLISH_QUEUE = 4
"""Finished results that may wait for the publishing thread."""


@dataclass(frozen=True, kw_only=True)
class Sockets:
    """The one ZeroMQ context, its keys, and the sockets that results and events leave by."""

    context: zmq.Context[zmq.Socket[bytes]]
    security: Security
    outputs: Outputs

    def secure(self, *, binds: bool) -> Callable[[zmq.Socket[bytes]], None]:
        """Return what puts the keys of a server or of a client on a socket."""
        return lambda socket: self.security.apply(socket, binds=binds)

    def close(self) -> None:
        """Close everything; what was not sent by now is not sent."""
        self.outputs.close()
        self.security.close()
        self.context.destroy(linger=0)


@dataclass(frozen=True, kw_only=True)
class Flow:
    """The way of a frame between threads, and the books in which each one ends."""

    frames: Channel[Frame]
    segmentations: Channel[Segmentation]
    books: Books
    intake: Intake
    measures: Measures


@dataclass(frozen=True, kw_only=True)
class Companions:
    """What goes along with the frames: steering, a recording, saved results, pictures."""

    steering: Steering
    tapping: Tapping
    saving: Saving
    previews: Previews

    def begin(self) -> None:
        """Begin a recording, go on from the kept state, and begin to save."""
        self.tapping.begin()
        self.steering.begin()
        self.saving.begin()

    def end(self, *, still: bool) -> None:
        """End all three; `still` says that nothing changes what steering keeps any more."""
        self.tapping.end()
        self.steering.end(still=still)
        self.saving.end()


@dataclass(frozen=True, kw_only=True)
class Parts:
    """All of it; `bind_parts` makes it, `runtime.service` starts and ends it."""

    sockets: Sockets
    flow: Flow
    companions: Companions
    pulse: Pulse
    commands: ServiceCommands
    control: ControlServer
    web: Web
    supervisor: Supervisor


def bind_parts(
    configuration: Configuration, lifecycle: Lifecycle, beat: Callable[[], None]
) -> Parts:
    """Bind what the service offers; where one part cannot be made, those before it are undone.

    Raises EndpointError, ConfigError and MissingExtraError, whichever stands in the way first.
    `beat` is what sends a heartbeat at once, for commands that change the state.
    """
    settings = configuration.settings
    with ExitStack() as undo:
        sockets = _sockets(settings, undo)
        flow = _flow(settings, sockets.outputs)
        companions = _companions(settings, sockets.outputs, flow, undo)
        pulse = Pulse(
            lifecycle,
            flow.books,
            flow.frames,
            recording=companions.tapping.figures,
            saving=companions.saving.figures,
        )
        web = Web(configuration, sockets.security, flow.intake.reports.error)
        undo.callback(web.end)
        commands = ServiceCommands(
            configuration,
            web.endpoint,
            lifecycle,
            flow.intake,
            pulse,
            beat,
            flow.measures,
            companions.previews,
            companions.steering,
        )
        control = ControlServer(
            settings.control.endpoint,
            sockets.context,
            secure=sockets.secure(binds=True),
            commands=commands,
        )
        flow.measures.follow(main=pulse.turns, control=control.turns)
        supervisor = Supervisor(lambda: flow.measures.hanging(settings.http.stuck_s))
        undo.pop_all()
    return Parts(
        sockets=sockets,
        flow=flow,
        companions=companions,
        pulse=pulse,
        commands=commands,
        control=control,
        web=web,
        supervisor=supervisor,
    )


def _sockets(settings: Settings, undo: ExitStack) -> Sockets:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    undo.callback(context.destroy, linger=0)
    require_free(settings.ingest)
    security = Security(settings.security, context)
    undo.callback(security.close)
    outputs = Outputs(
        settings.publish, context, secure=lambda socket: security.apply(socket, binds=True)
    )
    return Sockets(context=context, security=security, outputs=outputs)


def _flow(settings: Settings, outputs: Outputs) -> Flow:
    policy = settings.ingest.effective_policy
    frames: Channel[Frame] = Channel(
        name="frames", policy=policy, capacity=settings.ingest.queue_frames
    )
    segmentations: Channel[Segmentation] = Channel(
        name="segmentations",
        policy="lossless" if policy == "lossless" else "deadline",
        capacity=PUBLISH_QUEUE,
    )
    books = Books()
    faults = FaultLog(outputs.emit)
    intake = Intake(
        limits=settings.limits,
        frames=frames,
        books=books,
        emit=faults,
        same_host=is_local(settings.ingest.endpoint),
    )
    return Flow(
        frames=frames,
        segmentations=segmentations,
        books=books,
        intake=intake,
        measures=Measures((frames, segmentations), faults),
    )


def _companions(settings: Settings, outputs: Outputs, flow: Flow, undo: ExitStack) -> Companions:
    report = flow.intake.reports.error
    steering = Steering(
        settings.rules,
        emit=outputs.emit,
        fault=report,
        totals=flow.books.totals,
        state_file=settings.state.file,
    )
    undo.callback(steering.end, still=False)
    references = (settings.preprocess.dark, settings.preprocess.flat)
    return Companions(
        steering=steering,
        tapping=Tapping(settings, report),
        saving=Saving(settings.save, source=settings.publish.results, report=report),
        previews=Previews(corrected=any(references)),
    )
