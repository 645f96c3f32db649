"""A live service for tests: in a thread with fakes inside, or as the real process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import msgpack
import numpy as np
import zmq

from scopeside.client.control import ControlClient
from scopeside.client.publisher import FramePublisher
from scopeside.client.subscriber import EventSubscriber, ResultSubscriber
from scopeside.configuration import load_settings
from scopeside.errors import FatalError
from scopeside.runtime.service import Service

READY_S = 60.0
ANSWER_S = 20.0


@dataclass(frozen=True)
class Endpoints:
    frames: str
    results: str
    events: str
    control: str

    def sets(self) -> list[str]:
        return [
            f"ingest.endpoint={self.frames}",
            f"publish.results={self.results}",
            f"publish.events={self.events}",
            f"control.endpoint={self.control}",
        ]


def ipc_endpoints(folder: Path) -> Endpoints:
    return Endpoints(*(f"ipc://{folder / name}" for name in ("f", "r", "e", "c")))


def tcp_endpoints() -> Endpoints:
    return Endpoints(*(f"tcp://127.0.0.1:{free_port()}" for _ in range(4)))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


SMALL = ["embed.backend=null", "service.frame_shape=[96,64]", "chips.size_px=32"]
"""Settings under which a frame takes a few milliseconds."""


class Running:
    """A service in this process, and clients connected to it."""

    def __init__(self, endpoints: Endpoints, *, sets=(), embedder=None, ready=True) -> None:
        self.endpoints = endpoints
        configuration = load_settings(sets=[*SMALL, *endpoints.sets(), *sets])
        self.service = Service(configuration, embedder=embedder)
        self.exit_codes: list[int] = []
        self.errors: list[BaseException] = []
        self._thread = Thread(target=self._run)
        self._thread.start()
        self.control = ControlClient(endpoints.control, timeout_s=ANSWER_S)
        self.results = ResultSubscriber(endpoints.results)
        self.events = EventSubscriber(endpoints.events)
        try:
            if ready:
                self.wait_for("ready")
                # A SUB socket hears nothing until its subscription has arrived: make the
                # service speak until it does.
                while self.events.receive(0.02) is None:
                    self.control.call("resume")
        except BaseException:
            self.close()
            raise

    def _run(self) -> None:
        try:
            self.exit_codes.append(self.service.run())
        except FatalError as error:
            self.errors.append(error)

    def wait_for(self, state: str) -> None:
        until_s = time.monotonic() + READY_S
        while self.status()["state"] != state:
            assert time.monotonic() < until_s, f"the service never became {state}"
            time.sleep(0.01)

    def status(self):
        return self.control.call("status")

    def publisher(self, **options) -> FramePublisher:
        return FramePublisher(self.endpoints.frames, **options)

    def stop(self) -> None:
        self.service.stop()
        self._thread.join(READY_S)
        assert not self._thread.is_alive(), "the service did not stop"

    def close(self) -> None:
        try:
            self.stop()
        finally:
            self.control.close()
            self.results.close()
            self.events.close()


@contextmanager
def running(endpoints: Endpoints, *, sets=(), embedder=None, ready=True) -> Iterator[Running]:
    service = Running(endpoints, sets=sets, embedder=embedder, ready=ready)
    try:
        yield service
    finally:
        service.close()


@contextmanager
def serving(endpoints: Endpoints, *, sets=(), log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The real process, ready; killed when the test leaves it running."""
    given = [f"--set={one}" for one in [*endpoints.sets(), *sets]]
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "scopeside", "serve", *given],
            stdout=sink,
            stderr=sink,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
    try:
        wait_until_ready(process, endpoints, log)
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_ready(process, endpoints: Endpoints, log: Path) -> None:
    until_s = time.monotonic() + READY_S
    with plain_requester(endpoints.control) as ask:
        while ask({"v": 1, "id": 1, "cmd": "status"})["state"] != "ready":
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until_s, log.read_text()
            time.sleep(0.05)


@contextmanager
def plain_requester(endpoint: str):
    """A REQ client written from the contract page alone."""
    context = zmq.Context()
    socket_ = context.socket(zmq.REQ)
    socket_.linger = 0
    socket_.connect(endpoint)

    def ask(request):
        socket_.send(msgpack.packb(request))
        assert socket_.poll(int(1000 * READY_S)), "no answer on the control endpoint"
        return msgpack.unpackb(socket_.recv())

    try:
        yield ask
    finally:
        socket_.close()
        context.term()


def two_phases(shape=(96, 64), *, split: int | None = None, seed: int = 0) -> np.ndarray:
    """A frame with stripes on the left and a checkerboard on the right, uint16 counts."""
    ny, nx = shape
    split = nx // 2 if split is None else split
    y, x = np.mgrid[:ny, :nx]
    left = 1000 + 400 * ((y // 4) % 2)
    right = 3000 + 900 * (((y // 8) + (x // 8)) % 2)
    noise = np.random.default_rng(seed).integers(0, 20, shape)
    return (np.where(x < split, left, right) + noise).astype("<u2")
