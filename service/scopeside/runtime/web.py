"""The service's web process: its socket bound with the other endpoints, started, watched, ended.

Only the socket is here. What is served on it runs in `scopeside.web.process`, because Python's
threads share one lock: a page that is drawn for five viewers must not hold up a frame.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from scopeside.client.connection import reachable
from scopeside.configuration import Configuration
from scopeside.errors import ConfigError, EndpointError, MissingExtraError
from scopeside.http_settings import HttpSettings
from scopeside.runtime.security import Security
from scopeside.web_beat import Beats
from scopeside.web_spec import WebSpec
from scopeside.web_token import read_token

log = logging.getLogger(__name__)

PACKAGES = ("starlette", "uvicorn", "websockets", "prometheus_client")

END_S = 3.0
"""Longest wait for the process to end: its viewers are told, and come back."""

LEAST_SILENCE_S = 30.0
"""Without a sign of life for less than this no process is ended: loading takes seconds, and on a
busy machine many."""

ONE_BLAS_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""The process multiplies no matrices, and NumPy would hold a thread for every core."""

AGAIN_S = (1.0, 60.0)
"""Wait before a process that ended is started again, doubled up to the second with every end."""

BACKLOG = 128
"""Callers that may wait while the process starts."""


class Web:
    """Owns the socket of `http.endpoint` and the process that serves it; does nothing where that
    is `none`, or where it is the default and the packages for it are not installed.

    Raises EndpointError where the endpoint cannot be bound, ConfigError for an unusable token or
    certificate, and MissingExtraError where packages are missing and somebody set an endpoint.
    """

    def __init__(
        self,
        configuration: Configuration,
        security: Security,
        report: Callable[[str, str], None],
    ) -> None:
        self._settings = configuration.settings
        self._report = report
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._keys: tuple[Path, Path] | None = None
        self._beats: Beats | None = None
        self._started_s = self._due_s = 0.0
        self._wait_s = AGAIN_S[0]
        self._ended = ""
        self._hung = False
        self.endpoint: str | None = None
        """Where the page is served, with the port that the system chose for `:0`; None where it
        is not."""
        http = self._settings.http
        if http.off or not _installed(configuration):
            return
        _check_files(http)
        if not http.on_loopback and http.scheme == "http":
            log.warning("the page's token and pictures cross the network in the clear: use https")
        self._socket = _bound(http)
        self.endpoint = http.with_port(self._socket.getsockname()[1])
        self._folder = tempfile.TemporaryDirectory(prefix="scopeside-web-")  # this user's alone
        self._keys = security.guest(Path(self._folder.name))

    def begin(self) -> None:
        """Start the process; it answers a second later, also while the service warms up."""
        if self._socket is None:
            return
        self._start()
        log.info("web", extra={"endpoint": self.endpoint})

    def look(self) -> None:
        """Start the process again where it ended, and end it where it hangs; one thread calls it
        now and then."""
        if self._socket is None or self._runs():
            return
        now_s = time.monotonic()
        if self._due_s == 0.0:
            if now_s - self._started_s > AGAIN_S[1]:
                self._wait_s = AGAIN_S[0]
            self._due_s = now_s + self._wait_s
            self._wait_s = min(AGAIN_S[1], 2 * self._wait_s)
            self._report(
                "web_failed",
                f"The process that serves http.endpoint {self.endpoint}"
                f" {self._ended} and is started again; no frame is touched by that.",
            )
        elif now_s >= self._due_s:
            self._start()

    def _runs(self) -> bool:
        if self._process is None:
            return False
        if self._process.poll() is None:
            self._end_if_silent(self._process)
            return True
        if not self._hung:
            self._ended = f"ended (exit code {self._process.returncode})"
        return False

    def _end_if_silent(self, process: subprocess.Popen[bytes]) -> None:
        """Kill a process whose event loop does not turn: it listens to nothing milder."""
        limit_s = max(self._settings.http.stuck_s, LEAST_SILENCE_S)
        if self._beats is None or self._hung or self._beats.look() <= limit_s:
            return
        self._hung = True
        self._ended = f"gave no sign of life for {limit_s:g} s, was ended"
        process.kill()

    def end(self) -> None:
        """End the process and give the socket back; doing so twice is harmless."""
        process, self._process = self._process, None
        if process is not None:
            if process.stdin is not None:
                process.stdin.close()
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._beats is not None:
            self._beats.close()
        bound, self._socket = self._socket, None
        if bound is not None:
            bound.close()
        if self._folder is not None:
            self._folder.cleanup()

    def _start(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
        if self._beats is not None:
            self._beats.close()
        if self._socket is None or self.endpoint is None:
            return
        self._process, self._beats = None, None
        self._hung = False
        self._started_s, self._due_s = time.monotonic(), 0.0
        # A machine without room for another process must not end the frames: `look` tries again.
        try:
            self._beats = Beats()
            self._launch(self._socket, self._beats, self.endpoint)
        except OSError as error:
            self._ended = f"could not be started ({error.strerror})"

    def _launch(self, bound: socket.socket, beats: Beats, endpoint: str) -> None:
        settings, keys = self._settings, self._keys
        spec = WebSpec(
            http=settings.http.model_copy(update={"endpoint": endpoint}),
            log=settings.log,
            control=reachable(settings.control.endpoint),
            events=reachable(settings.publish.events),
            socket_fd=bound.fileno(),
            beat_fd=beats.writing_fd,
            server_key=None if keys is None else keys[0],
            client_key=None if keys is None else keys[1],
        )
        # Without the current folder on its path, where a file may be called as a package is.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "scopeside.web.process"],
            stdin=subprocess.PIPE,
            pass_fds=[spec.socket_fd, spec.beat_fd],
            env=os.environ | ONE_BLAS_THREAD,
        )
        beats.handed_over()
        if self._process.stdin is not None:
            # Less than a pipe holds, so this never waits; the pipe's end is the word to stop.
            self._process.stdin.write(spec.model_dump_json().encode() + b"\n")
            self._process.stdin.flush()


def _installed(configuration: Configuration) -> bool:
    missing = [package for package in PACKAGES if find_spec(package) is None]
    if not missing:
        return True
    sentence = (
        f"The web page and metrics of http.endpoint need packages that are not installed"
        f" ({', '.join(missing)}): run `pip install 'scopeside[cpu]'`"
    )
    if configuration.sources["http.endpoint"] != "default":
        raise MissingExtraError(f"{sentence}, or set http.endpoint = none.")
    log.warning("no web page and no metrics", extra={"because": sentence})
    return False


def _check_files(http: HttpSettings) -> None:
    """Say what is wrong with a token or certificate here, and not in a process that ends."""
    if http.token_file is not None:
        read_token(http.token_file)
    for key, path in (("http.tls_cert", http.tls_cert), ("http.tls_key", http.tls_key)):
        if path is not None and not os.access(path, os.R_OK):
            raise ConfigError(f"{key}: {path} cannot be read: name a PEM file.")
    if http.tls_cert is not None:
        try:
            # Without a password: nobody is there to be asked for one when a service starts.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
                http.tls_cert, http.tls_key, password=""
            )
        except (ssl.SSLError, OSError) as error:
            raise ConfigError(
                f"http.tls_cert = {http.tls_cert} and http.tls_key = {http.tls_key} are no pair of"
                f" a certificate and its key without a password ({error}): name two PEM files that"
                " belong together."
            ) from None


def _bound(http: HttpSettings) -> socket.socket:
    """Return a socket that listens; EndpointError names the setting, and what to do."""
    host = "" if http.host == "*" else http.host
    bound = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, http.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        # Connections of a program that has ended do not hold its port.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(BACKLOG)
    except (OSError, UnicodeError) as error:  # UnicodeError: a name that can be none, as a..b
        if bound is not None:
            bound.close()
        number, why = (error.errno, error.strerror) if isinstance(error, OSError) else (None, error)
        held = number == errno.EADDRINUSE
        raise EndpointError(
            f"http.endpoint = {http.endpoint} cannot be bound ({why}): "
            f"{'stop the program that holds it or ' if held else ''}choose another endpoint, or "
            "none."
        ) from error
    return bound
