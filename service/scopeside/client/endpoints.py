"""Where a service is reached, and how: what every client connects to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scopeside.client.connection import ClientKeys, reachable
from scopeside.configuration import find_config, load_settings

RESULTS_PORT, EVENTS_PORT, CONTROL_PORT = 5556, 5557, 5558
"""The wire contract's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """The three endpoints of a service that a loop uses, and the keys where it asks for some."""

    results: str
    events: str
    control: str
    keys: ClientKeys | None = None

    @classmethod
    def on(
        cls,
        host: str,
        *,
        results: str | None = None,
        events: str | None = None,
        control: str | None = None,
        keys: ClientKeys | None = None,
    ) -> Endpoints:
        """Return the contract's ports on a machine, but for the endpoints that are given."""
        return cls(
            results=results or f"tcp://{host}:{RESULTS_PORT}",
            events=events or f"tcp://{host}:{EVENTS_PORT}",
            control=control or f"tcp://{host}:{CONTROL_PORT}",
            keys=keys,
        )

    @classmethod
    def of(cls, config: str | Path, *, keys: ClientKeys | None = None) -> Endpoints:
        """Return those that a service with this configuration (a file, or a preset) binds."""
        settings = load_settings([find_config(str(config))]).settings
        return cls(
            results=reachable(settings.publish.results),
            events=reachable(settings.publish.events),
            control=reachable(settings.control.endpoint),
            keys=keys,
        )
