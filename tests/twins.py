"""A twin in this process: small frames, and whoever takes them."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import zmq

from scopeside.client.publisher import FramePublisher
from scopeside.twin.client import TwinClient
from scopeside.twin.deeds import Deeds
from scopeside.twin.microscope import Microscope
from scopeside.twin.optics import Optics
from scopeside.twin.outlet import Outlet
from scopeside.twin.server import TwinServer

SHAPE = (24, 32)


@dataclass
class Alongside:
    """A twin in a thread, a client that charges no latency, and the frames as they arrive."""

    client: TwinClient
    address: str
    server: TwinServer
    socket: zmq.Socket
    parts: list[list[bytes]] = field(default_factory=list)

    def arrived(self) -> list[list[bytes]]:
        """Everything that was sent so far."""
        while self.socket.poll(200):
            self.parts.append(self.socket.recv_multipart())
        return self.parts


@contextmanager
def alongside(folder: Path, *, speed=None, wait_s=10.0, series="s", listen=True, keep=8, **made):
    context = zmq.Context()
    microscope = Microscope(**{"optics": Optics(shape=SHAPE)} | made)
    with FramePublisher(f"ipc://{folder}/f", socket="push", context=context) as publisher:
        stop = threading.Event()
        deeds = Deeds(
            microscope,
            outlet=Outlet(publisher, wait_s=wait_s, stopped=stop.is_set),
            speed=speed,
            keep=keep,
            series=series,
            stopped=stop.is_set,
        )
        server = TwinServer(f"ipc://{folder}/t", context, deeds=deeds, stopped=stop.is_set)
        socket = context.socket(zmq.PULL)
        socket.linger = 0
        if listen:
            socket.connect(f"ipc://{folder}/f")
        thread = threading.Thread(target=server.run)
        thread.start()
        client = TwinClient(server.address, latency_s=0.0)
        try:
            yield Alongside(client=client, address=server.address, server=server, socket=socket)
        finally:
            stop.set()
            thread.join(20)
            client.close()
            socket.close()
    context.term()
