"""Runs a publishing command beside a plain receiver and collects what really arrives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import zmq

from scopeside import cli
from scopeside.errors import DropError
from scopeside.settings import LimitSettings
from scopeside.wire.incoming import EndMessage, FrameMessage, StartMessage
from scopeside.wire.native import decode_message

SOON_MS = 20_000


@dataclass
class Arrived:
    """What one run looked like from outside."""

    messages: list[StartMessage | FrameMessage | EndMessage] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    code: int | None = None

    @property
    def frames(self) -> list[FrameMessage]:
        return [message for message in self.messages if isinstance(message, FrameMessage)]

    def add(self, parts: list[bytes]) -> StartMessage | FrameMessage | EndMessage | None:
        try:
            message = decode_message(parts, LimitSettings())
        except DropError as error:
            self.refused[str(error.reason)] += 1
            return None
        self.messages.append(message)
        return message


@contextmanager
def receiver(kind: int, endpoint: str) -> Iterator[zmq.Socket]:
    """A SUB (to everything) or PULL socket connected to `endpoint`."""
    context = zmq.Context()
    socket = context.socket(kind)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVHWM, 0)
    if kind == zmq.SUB:
        socket.subscribe(b"")
    socket.connect(endpoint)
    try:
        yield socket
    finally:
        socket.close()
        context.term()


def run_and_receive(
    command: str, *options: str, endpoint: str, series: str = "run", kind: int = zmq.SUB
) -> Arrived:
    """Run a command in this process (in a thread) and receive until its series has ended."""
    arrived = Arrived()
    socket_name = "pub" if kind == zmq.SUB else "push"
    arguments = [command, *options, "--to", endpoint, "--socket", socket_name, "--series", series]

    def run() -> None:
        arrived.code = cli.main([*arguments, "--quiet"])

    thread = threading.Thread(target=run)
    with receiver(kind, endpoint) as socket:
        thread.start()
        try:
            while socket.poll(SOON_MS):
                message = arrived.add(socket.recv_multipart())
                if isinstance(message, EndMessage) and message.series == series:
                    break
        finally:
            thread.join(SOON_MS / 1000)
    assert not thread.is_alive()
    return arrived


def interrupt(command: str, *options: str, endpoint: str, with_signal: signal.Signals) -> Arrived:
    """Run a command as a process, send it a signal after three frames, receive to the end."""
    arrived = Arrived()
    with receiver(zmq.SUB, endpoint) as socket:
        process = subprocess.Popen(
            [sys.executable, "-m", "scopeside", command, *options, "--to", endpoint],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        try:
            while socket.poll(SOON_MS):
                message = arrived.add(socket.recv_multipart())
                if len(arrived.frames) == 3 and isinstance(message, FrameMessage):
                    process.send_signal(with_signal)
                if isinstance(message, EndMessage):
                    break
            out, err = process.communicate(timeout=SOON_MS / 1000)
        finally:
            process.kill()
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
    arrived.code = process.returncode
    assert err == ""
    assert "stopped after" in out
    return arrived
