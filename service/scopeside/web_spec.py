"""What the service tells its web process, as one line of JSON on standard input."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from scopeside.client.connection import ClientKeys
from scopeside.http_settings import HttpSettings
from scopeside.settings import LogSettings


class WebSpec(BaseModel):
    """`control` and `events` are endpoints to connect to; `socket_fd` is bound and listens, and
    `beat_fd` is the pipe that takes signs of life.

    `server_key` and `client_key` are CURVE certificates, where the service speaks CURVE.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    http: HttpSettings
    log: LogSettings
    control: str
    events: str
    socket_fd: int
    beat_fd: int
    server_key: Path | None = None
    client_key: Path | None = None

    @property
    def keys(self) -> ClientKeys | None:
        if self.server_key is None or self.client_key is None:
            return None
        return ClientKeys(server=self.server_key, client=self.client_key)
