"""A live service for tests: in a thread with fakes inside, or as the real process."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import msgpack
import numpy as np
import pytest
import zmq

from scopeside.client.control import ControlClient
from scopeside.client.publisher import FramePublisher
from scopeside.client.subscriber import EventSubscriber, ResultSubscriber
from scopeside.configuration import load_settings
from scopeside.errors import EndpointError, FatalError
from scopeside.runtime.service import Service

READY_S = 60.0
ANSWER_S = 20.0
DATA = Path(
    os.environ.get("SCOPESIDE_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")
)


@dataclass(frozen=True)
class Endpoints:
    frames: str
    results: str
    events: str
    control: str
    http: str = "none"

    def sets(self) -> list[str]:
        return [
            f"ingest.endpoint={self.frames}",
            f"publish.results={self.results}",
            f"publish.events={self.events}",
            f"control.endpoint={self.control}",
            f"http.endpoint={self.http}",
        ]


def ipc_endpoints(folder: Path) -> Endpoints:
    return Endpoints(*(f"ipc://{folder / name}" for name in ("f", "r", "e", "c")))


def tcp_endpoints() -> Endpoints:
    return Endpoints(*(f"tcp://127.0.0.1:{port}" for port in free_ports(4)))


def free_port() -> int:
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, all different.

    None of those that the system hands out itself (from 32768 on Linux): an outgoing connection
    may take one of these at any moment, and a client that tries again and again to connect to
    one that nobody has bound yet ends up connected to itself.
    """
    ports: list[int] = []
    with ExitStack() as held:
        while len(ports) < count:
            probe = held.enter_context(socket.socket())
            port = random.randrange(20_000, 32_000)
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                ports.append(port)
    return ports


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
def started(*words: str, log: Path, python=()) -> Iterator[subprocess.Popen[bytes]]:
    """A `scopeside` command as a process, its output in `log`; killed when it will not end."""
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, *python, "-m", "scopeside", *words],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def serve_words(endpoints: Endpoints, sets=()) -> list[str]:
    return ["serve", *(f"--set={one}" for one in [*endpoints.sets(), *sets])]


@contextmanager
def serving(endpoints: Endpoints, *, sets=(), log: Path, python=()) -> Iterator[subprocess.Popen]:
    """The real process, ready."""
    with started(*serve_words(endpoints, sets), log=log, python=python) as process:
        wait_until_ready(process, endpoints, log)
        yield process


def finished(*words: str, timeout_s: float = READY_S) -> subprocess.CompletedProcess[str]:
    """Run a `scopeside` command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "scopeside", *words],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


class Listener:
    """Results and events of a service, whether it runs already or not."""

    def __init__(self, endpoints: Endpoints, *, keys=None) -> None:
        self.endpoints = endpoints
        self.results = ResultSubscriber(endpoints.results, keys=keys)
        self.events = EventSubscriber(endpoints.events, keys=keys)

    def join(self, socket: str, *, shape=(96, 64), attach: str = "bind") -> None:
        """Return once both subscriptions have arrived: a PUB socket tells nobody, so frames of
        a series of their own are sent until a result of one is heard."""
        with ControlClient(self.endpoints.control, timeout_s=ANSWER_S) as control:
            while self.events.receive(0.02) is None:
                control.call("resume")
        with FramePublisher(self.endpoints.frames, socket=socket, attach=attach) as publisher:
            assert publisher.wait_for_subscriber(ANSWER_S), "the service did not come for frames"
            publisher.start("joining")
            until_s = time.monotonic() + READY_S
            while True:
                publisher.frame(two_phases(shape))
                if self.results.receive(0.2) is not None:
                    break
                assert time.monotonic() < until_s, "no result is heard"
        self.wait_for_event("series", event="ended", series="joining")

    def wait_for_event(self, kind: str, **fields):
        until_s = time.monotonic() + READY_S
        while time.monotonic() < until_s:
            event = self.events.receive(1.0)
            if event and event["kind"] == kind and fields.items() <= event.items():
                return event
        raise AssertionError(f"no {kind} event with {fields}")

    def result(self, series: str):
        """The next result of this series."""
        until_s = time.monotonic() + READY_S
        while time.monotonic() < until_s:
            result = self.results.receive(1.0)
            if result is not None and result.series == series:
                return result
        raise AssertionError(f"no result of series {series}")

    def to_the_end(self, series: str):
        """All results of a series, and the books that its end was told with."""
        ended = self.wait_for_event("series", event="ended", series=series)
        return [self.result(series) for _ in range(ended["accounting"]["segmented"])], ended

    def close(self) -> None:
        self.results.close()
        self.events.close()


@contextmanager
def listening(endpoints: Endpoints, **options) -> Iterator[Listener]:
    listener = Listener(endpoints, **options)
    try:
        yield listener
    finally:
        listener.close()


def status_of(endpoints: Endpoints):
    with ControlClient(endpoints.control, timeout_s=ANSWER_S) as control:
        return control.call("status")


def balances(books) -> bool:
    settled = books["segmented"] + books["duplicate"] + sum(books["dropped"].values())
    return books["received"] == settled + books["in_flight"]


def wait_until_ready(process, endpoints: Endpoints, log: Path) -> None:
    wait_until(process, endpoints, log, "ready")


def wait_until(process, endpoints: Endpoints, log: Path, state: str) -> None:
    """Wait for a process to answer that it is in `state`."""
    until_s = time.monotonic() + READY_S
    with ControlClient(endpoints.control, timeout_s=0.5) as control:
        while True:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until_s, log.read_text()
            with suppress(EndpointError):
                if control.call("status")["state"] == state:
                    return
                time.sleep(0.02)


def wait_for_text(log: Path, text: str) -> None:
    """Wait until a process has written this into its log."""
    until_s = time.monotonic() + READY_S
    while text not in log.read_text():
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


def real(name: str) -> Path:
    """A real micrograph, or a reason to skip the test."""
    if not (DATA / name).exists():
        pytest.skip(f"there is no {DATA / name}: set SCOPESIDE_DATA")
    return DATA / name
