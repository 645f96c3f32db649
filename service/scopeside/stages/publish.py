"""Results and events out: two PUB sockets that never make anybody wait.

ZeroMQ drops for a subscriber that is slower than the stream; the service and its other
subscribers do not notice.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Any

import zmq

from scopeside.binding import ipc_in_use, remove_ipc
from scopeside.channels import Channel, EndOfChannelError
from scopeside.errors import EndpointError
from scopeside.messages import Accounting, Segmentation
from scopeside.published import Published
from scopeside.settings import PublishSettings
from scopeside.turns import LONGEST_WAIT_S, Turns
from scopeside.wire.events import community, encode_event, observation
from scopeside.wire.results import encode_segmentation, end_to_end

LINGER_MS = 500
"""How long closing waits for the last messages to leave."""

MAX_INCOMING_BYTES = 2**20
"""Largest message taken from a subscriber or requester; above it ZeroMQ cuts the connection."""

LEAST_EVENTS = 1000
"""Events held for a slow subscriber whatever `publish.hwm_messages` says: that is sized for label
maps, and an event, a thousandth of one, may be the only word of a series' end or of an alarm."""

Socket = zmq.Socket[bytes]
Context = zmq.Context[Socket]


class Outputs:
    """The two bound PUB sockets; any thread may emit events, one thread sends results."""

    def __init__(
        self, settings: PublishSettings, context: Context, *, secure: Callable[[Socket], None]
    ) -> None:
        self._endpoints = (settings.results, settings.events)
        hwm = settings.hwm_messages
        self._events_lock = Lock()
        self._results = _bound(context, settings.results, "publish.results", hwm, secure)
        try:
            self._events = _bound(
                context, settings.events, "publish.events", max(hwm, LEAST_EVENTS), secure
            )
        except EndpointError:
            self._results.close(linger=0)
            raise

    def emit(self, event: dict[str, Any]) -> None:
        """Publish an event at once; after `close` it is only forgotten."""
        message = encode_event(event)
        with self._events_lock:
            if not self._events.closed:
                self._events.send(message)

    def send_result(self, message: memoryview) -> None:
        self._results.send(message, copy=False)

    def close(self) -> None:
        for endpoint in self._endpoints:
            remove_ipc(endpoint)
        with self._events_lock:
            self._events.close(linger=LINGER_MS)
        self._results.close(linger=LINGER_MS)


class Publish:
    """The publishing thread's work: segmentations in, messages out, the books settled."""

    def __init__(
        self,
        settings: PublishSettings,
        outputs: Outputs,
        segmentations: Channel[Segmentation],
        *,
        settle: Callable[[str], Accounting],
        settled: Callable[[str], None],
        observe: Callable[[Published], None] = lambda _published: None,
        published: Callable[[Segmentation], None] = lambda _: None,
        save: Callable[[Segmentation, memoryview], None] = lambda _segmentation, _message: None,
    ) -> None:
        self._settings = settings
        self._outputs = outputs
        self._segmentations = segmentations
        self._settle = settle
        self._settled = settled
        self._observe = observe
        self.turns = Turns()
        self._published = published
        self._save = save

    def run(self) -> None:
        """Publish until the channel is closed and empty."""
        while True:
            self.turns.mark()
            try:
                segmentation = self._segmentations.get(timeout_s=LONGEST_WAIT_S)
            except TimeoutError:
                continue
            except EndOfChannelError:
                return
            self._publish(segmentation)

    def _publish(self, segmentation: Segmentation) -> None:
        frame = segmentation.frame
        # First: whoever has a result may ask for its targets at once.
        self._published(segmentation)
        accounting = self._settle(frame.series)
        clocks = _Readings()
        message = encode_segmentation(
            segmentation, accounting=accounting, clocks=clocks.read, codec=self._settings.codec
        )
        self._outputs.send_result(message)
        self._save(segmentation, message)
        changes = segmentation.identified
        for id_ in changes.appeared:
            self._outputs.emit(
                community("appeared", series=frame.series, frame=frame.number, id=id_)
            )
        for id_ in changes.vanished:
            self._outputs.emit(
                community("vanished", series=frame.series, frame=frame.number, id=id_)
            )
        self._outputs.emit(observation(segmentation))
        # Only now: the event that ends a series must not overtake its last result.
        self._settled(frame.series)
        self._observe(clocks.published(segmentation, accounting))


class _Readings:
    """Remembers the clocks that a result was written by, so that what observers are told of it is
    what it says itself."""

    def __init__(self) -> None:
        self._readings: list[tuple[int, float]] = []

    def read(self) -> tuple[int, float]:
        # In this order: were the wall clock read first, a thread held up between the two would
        # give a frame more time in the service than from its exposure on.
        now_s = time.monotonic()
        self._readings.append((time.time_ns(), now_s))
        return self._readings[-1]

    def published(self, segmentation: Segmentation, accounting: Accounting) -> Published:
        (_, begun_s), (published_ns, published_s) = self._readings[0], self._readings[-1]
        frame = segmentation.frame
        return Published(
            segmentation=segmentation,
            accounting=accounting,
            published_ns=published_ns,
            stages_s={**segmentation.stages_s, "encode": published_s - begun_s},
            service_s=published_s - frame.received_s,
            end_to_end_s=end_to_end(frame, published_ns)[0],
        )


def bind(socket: Socket, endpoint: str, setting: str) -> None:
    """Bind, or raise EndpointError with a sentence that names the setting."""
    # Nobody sends much to these sockets but subscriptions and requests: a scanner's garbage
    # must not make ZeroMQ allocate what it claims to be.
    socket.maxmsgsize = MAX_INCOMING_BYTES
    try:
        if ipc_in_use(endpoint):
            raise zmq.ZMQError(zmq.EADDRINUSE)
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        socket.close(linger=0)
        held = error.errno == zmq.EADDRINUSE
        raise EndpointError(
            f"{setting} = {endpoint} cannot be bound ({zmq.strerror(error.errno or 0)}): "
            f"{'stop the program that holds it or ' if held else ''}choose another endpoint."
        ) from error


def _bound(
    context: Context,
    endpoint: str,
    setting: str,
    hwm_messages: int,
    secure: Callable[[Socket], None],
) -> Socket:
    socket = context.socket(zmq.PUB)
    # Options hold only for connections made after they are set: before bind, all of them.
    socket.set_hwm(hwm_messages)
    secure(socket)
    bind(socket, endpoint, setting)
    return socket
