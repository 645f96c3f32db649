"""A service as a client sees it, for tests: control, results and events over real sockets."""

from __future__ import annotations

import time
from contextlib import contextmanager

import zmq

from contract_messages import heartbeat, packed
from fake_control import FakeService
from live import ANSWER_S


def ok(request, **fields):
    return {"v": 1, "id": request["id"], "ok": True, **fields}


def refused(request, code, message):
    return {"v": 1, "id": request["id"], "ok": False, "error": {"code": code, "message": message}}


class Served:
    """Answers as `answer(request)` says, or by default as a service in `state` would."""

    def __init__(self, endpoints, *, state="ready", answer=None):
        self.endpoints = endpoints
        self.state = state
        self.refusals = {}
        self._answer = answer
        self._context = zmq.Context()
        self._results = self._publisher(endpoints.results)
        self._events = self._publisher(endpoints.events)
        self.control = FakeService(endpoints.control, self._reply)
        self.control.start()

    @property
    def asked(self):
        return [request["cmd"] for request in self.control.requests]

    def _publisher(self, endpoint):
        socket = self._context.socket(zmq.XPUB)
        socket.setsockopt(zmq.LINGER, 0)
        # A client that comes anew subscribes anew, and is to be seen doing so.
        socket.setsockopt(zmq.XPUB_VERBOSE, 1)
        socket.bind(endpoint)
        return socket

    def _reply(self, request):
        if self._answer is not None:
            return self._answer(request)
        cmd = request["cmd"]
        if cmd in self.refusals:
            return refused(request, *self.refusals[cmd])
        if cmd == "clock":
            now_ns = time.time_ns()
            return ok(request, t0_ns=request["t0_ns"], t1_ns=now_ns, t2_ns=now_ns)
        if cmd == "config":
            return ok(request, config={"graph": {"resolution": "auto"}}, sources={}, hash="0")
        return ok(request, state=self.state)

    def joined(self, channel="results"):
        """Wait until one more subscription has arrived."""
        socket = self._results if channel == "results" else self._events
        while True:
            assert socket.poll(1000 * ANSWER_S), f"nobody subscribed to the {channel}"
            if socket.recv() == b"\x01":
                return

    def publish(self, *messages):
        for message in messages:
            self._results.send(message if isinstance(message, bytes) else packed(message))

    def tell(self, *events):
        for event in events:
            self._events.send(packed(event))

    def beat(self):
        self.tell(heartbeat(self.state))

    def stop(self):
        self.control.stop()
        self._context.destroy(linger=0)


@contextmanager
def served(endpoints, **options):
    service = Served(endpoints, **options)
    try:
        yield service
    finally:
        service.stop()
