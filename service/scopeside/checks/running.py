"""Whether the service that should run does: asked of itself, over its control endpoint."""

from __future__ import annotations

from scopeside.checks.finding import Finding
from scopeside.client.connection import ClientKeys, reachable
from scopeside.client.control import ControlClient
from scopeside.errors import EndpointError, ServiceError

ANSWER_S = 2.0
"""Longest wait for the reply: the control thread answers within milliseconds, and whoever asks for
a supervisor (a container's health check) must itself be done in a few seconds."""

WELL = ("ready", "paused")
"""States of a service that is warm. Paused is well: somebody asked for it, and a supervisor that
restarted the service would undo it."""


def running(endpoint: str, *, keys: ClientKeys | None = None) -> Finding:
    """Ask the service at `endpoint` for its state; no reply or one that does not compute is not ok.

    Raises ConfigError for keys that cannot be read.
    """
    at = reachable(endpoint)
    try:
        with ControlClient(at, timeout_s=ANSWER_S, keys=keys) as control:
            state = str(control.call("status").get("state"))
    except (EndpointError, ServiceError) as error:
        return Finding(
            section="service",
            name=at,
            value=str(error),
            ok=False,
            fix="Start `scopeside serve`, or name its endpoint: --set control.endpoint=... "
            "(with CURVE also --server-key and --client-key).",
        )
    well = state in WELL
    return Finding(
        section="service",
        name=at,
        value=f'state "{state}"',
        ok=well,
        fix=None if well else "Ask again when it is ready; its log says what it is doing.",
    )
