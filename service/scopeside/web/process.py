"""`python -m scopeside.web.process`: the web process, which the service starts.

It reads what to serve from its standard input, and ends when that is closed.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from scopeside.errors import FatalError
from scopeside.runtime.logs import configure_logging
from scopeside.web.app import Site, application
from scopeside.web_beat import beat
from scopeside.web_spec import WebSpec

NICENESS = 10
"""Beside the pipeline, never before it: what is shown may be late, what is computed may not."""

SERVING_NICENESS = 19
"""Once it serves: its share of a busy core is then 1.5 % (a weight of 15 beside 1024: sched(7)).
Not from the beginning: loading takes a second of processor time, and that would become a minute."""

GRACEFUL_S = 1
"""Time for answers under way when the service ends."""

LARGEST_MESSAGE_BYTES = 64 * 1024
"""Largest message from a page: as a control request."""


def main() -> None:
    # Ctrl-C and a service manager reach every process of the group: the service decides when this
    # one ends, and a pipe tells when the service is gone.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _stand_back()
    spec = WebSpec.model_validate_json(sys.stdin.readline())
    configure_logging(spec.log)
    _adopt("uvicorn", "websockets")
    try:
        asyncio.run(_serve(spec))
    except FatalError as error:
        logging.getLogger(__name__).error("the web process ends", extra={"because": str(error)})
        sys.exit(error.exit_code)


def _stand_back() -> None:
    """Take what the pipeline leaves: less of a busy core, and no core from a thread that computes
    at the very moment when a page asks (Linux: sched(7), SCHED_BATCH)."""
    os.nice(NICENESS)
    if hasattr(os, "SCHED_BATCH"):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _adopt(*names: str) -> None:
    """Let the libraries' warnings be written as our own are, with repeats held back."""
    for name in names:
        logger = logging.getLogger(name)
        logger.handlers = logging.getLogger("scopeside").handlers
        logger.setLevel(logging.WARNING)
        logger.propagate = False


class _Server(uvicorn.Server):
    """Leaves signals to the service."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(spec: WebSpec) -> None:
    site = Site(spec)
    http = spec.http
    beating = asyncio.create_task(beat(spec.beat_fd))
    server = _Server(
        uvicorn.Config(
            application(spec, site),
            http="h11",
            ws="websockets-sansio",
            ws_max_size=LARGEST_MESSAGE_BYTES,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACEFUL_S,
            ssl_certfile=None if http.tls_cert is None else str(http.tls_cert),
            ssl_keyfile=None if http.tls_key is None else str(http.tls_key),
        )
    )

    def stop(_task: object) -> None:
        server.should_exit = True

    # A page that shows nothing new any more is worse than one that comes again.
    site.running.add_done_callback(stop)

    def service_is_gone() -> None:
        # Nothing but the end is ever sent after the first line.
        if not os.read(sys.stdin.fileno(), 4096):
            server.should_exit = True
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())

    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), service_is_gone)
    server.config.load()
    os.nice(SERVING_NICENESS - NICENESS)
    with socket.socket(fileno=spec.socket_fd) as listening:
        await server.serve(sockets=[listening])
    await site.close()
    beating.cancel()


if __name__ == "__main__":
    main()
