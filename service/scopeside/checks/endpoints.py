"""Whether the service's endpoints can be had on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import zmq

from scopeside.binding import in_use, ipc_in_use
from scopeside.checks.finding import Finding
from scopeside.client.connection import reachable
from scopeside.client.control import ControlClient
from scopeside.errors import FatalError
from scopeside.settings import Settings

SECTION = "endpoints"
PING_TIMEOUT_S = 0.5


def endpoints(settings: Settings) -> Iterator[Finding]:
    """Try to bind what the service would bind; a service that already runs is recognised."""
    state = _running(settings.control.endpoint) if not settings.security.curve else None
    if state is not None:
        yield Finding(
            section=SECTION,
            name="service",
            value=f'already running at {settings.control.endpoint}, state "{state}"',
            ok=True,
        )
    ingest = settings.ingest
    if ingest.attach == "bind":
        yield _bindable("ingest.endpoint", ingest.endpoint, running=state is not None)
    else:
        yield Finding(
            section=SECTION,
            name="ingest.endpoint",
            value=f"{ingest.endpoint} will be connected ({ingest.socket.upper()})",
        )
    for key, endpoint in (
        ("publish.results", settings.publish.results),
        ("publish.events", settings.publish.events),
        ("control.endpoint", settings.control.endpoint),
    ):
        yield _bindable(key, endpoint, running=state is not None)
    if not settings.http.off:
        yield _bindable("http.endpoint", settings.http.endpoint, running=state is not None)


def _running(endpoint: str) -> str | None:
    try:
        with ControlClient(reachable(endpoint), timeout_s=PING_TIMEOUT_S) as control:
            return str(control.call("status").get("state"))
    except FatalError:
        return None


def _bindable(key: str, endpoint: str, *, running: bool) -> Finding:
    problem = _problem(endpoint)
    if problem is None:
        return Finding(section=SECTION, name=key, value=f"{endpoint} is free", ok=True)
    if running:
        return Finding(
            section=SECTION, name=key, value=f"{endpoint} is in use by the service", ok=True
        )
    return Finding(
        section=SECTION,
        name=key,
        value=f"{endpoint} cannot be bound: {problem}",
        ok=False,
        fix=f"End what uses it, or choose another: --set {key}=...",
    )


def _problem(endpoint: str) -> str | None:
    scheme, _, rest = endpoint.partition("://")
    if scheme == "ipc":
        return _ipc_problem(endpoint)
    if scheme in ("http", "https"):
        return "another program uses it" if in_use(f"tcp://{rest}") else None
    return _bind_problem(endpoint)


def _bind_problem(endpoint: str) -> str | None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    probe = context.socket(zmq.PAIR)
    probe.setsockopt(zmq.LINGER, 0)
    try:
        probe.bind(endpoint)
    except zmq.ZMQError as error:
        return error.strerror or str(error)
    finally:
        probe.close()
        context.term()
    return None


def _ipc_problem(endpoint: str) -> str | None:
    """Look without binding: ZeroMQ would take the file away from a service that uses it."""
    path = Path(endpoint.removeprefix("ipc://"))
    if not path.exists():
        folder_is_usable = path.parent.is_dir() and os.access(path.parent, os.W_OK | os.X_OK)
        return None if folder_is_usable else f"files cannot be made in {path.parent}"
    return "another program uses it" if ipc_in_use(endpoint) else None
