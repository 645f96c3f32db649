"""A web server on this machine that serves one file, with the faults that a test asks for.

Every request takes the next fault of the list, and none where the list is at its end.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY = bytes(range(256)) * 4096
"""1 MiB: several reads, and every byte in it says where it belongs."""


class FaultyServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.body = BODY
        self.etag: str | None = '"first"'
        self.modified: str | None = None
        self.faults: deque[str] = deque()
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.let_go = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def url(self) -> str:
        return f"{self.address}/models/resnet50.pth.tar"

    def ranges(self) -> list[str | None]:
        """The Range of every request so far."""
        return [headers.get("range") for _, headers in self.asked]


class Handler(BaseHTTPRequestHandler):
    server: FaultyServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Nothing: the tests look at `asked`."""

    def do_GET(self) -> None:
        server = self.server
        server.asked.append((self.path, {key.lower(): v for key, v in self.headers.items()}))
        fault = server.faults.popleft() if server.faults else ""
        self.close_connection = True
        if fault.isdecimal():
            self.send_error(int(fault))
        elif fault.startswith("redirect "):
            self.send_response(302)
            self.send_header("Location", fault.split()[1])
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._send_file(fault)

    def _send_file(self, fault: str) -> None:
        body, start = self.server.body, 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        fits = self.headers.get("If-Range") in (self.server.etag, self.server.modified)
        if asked and fault != "no ranges" and (fits or fault == "ignores If-Range"):
            start = int(asked[1])
            if start >= len(body):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(body)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            self.send_response(200)
        if self.server.etag:
            self.send_header("ETag", self.server.etag)
        if self.server.modified:
            self.send_header("Last-Modified", self.server.modified)
        rest = body[start:]
        if fault == "claims terabytes":
            self.send_header("Content-Length", str(2**42))
        elif fault != "no length":
            self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        if fault in ("cut", "stall", "claims terabytes"):
            rest = rest[: len(rest) // 2]
        self.wfile.write(rest)
        self.wfile.flush()
        if fault == "stall":
            self.server.let_go.wait()


@contextmanager
def serving() -> Iterator[FaultyServer]:
    with FaultyServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.let_go.set()
            server.shutdown()
            thread.join()
