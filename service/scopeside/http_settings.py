"""Settings of the web page, the metrics and the health checks."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from scopeside.section import Section

# As in scopeside.section: a port that is none would be taken as another one.
_PORT = r"([1-5]?[0-9]{1,4}|6([0-4][0-9]{3}|5([0-4][0-9]{2}|5([0-2][0-9]|3[0-5]))))"
HttpEndpoint = Annotated[
    str,
    Field(
        pattern=rf"^(none|https?://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._*-]+):{_PORT})$",
        json_schema_extra={"in_words": "http://HOST:PORT, https://HOST:PORT or none"},
    ),
]


def is_loopback(host: str) -> bool:
    """Return whether this name or address is this machine's own, which no other can reach."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class HttpSettings(Section):
    endpoint: HttpEndpoint = "http://127.0.0.1:8765"
    """Where the live page, `/metrics`, `/healthz` and `/readyz` are served, by a process of their
    own; `none` serves nothing, and port 0 is a free one, which the log and `status` tell. `https`
    takes `tls_cert` and `tls_key`."""
    token_file: Path | None = None
    """File whose first line, of 16 characters or more, whoever looks or acts has to show; without
    one only loopback is bound."""
    tls_cert: Path | None = None
    """Certificate chain (PEM) for `https`."""
    tls_key: Path | None = None
    """Its private key (PEM)."""
    hosts: tuple[str, ...] = ()
    """Further names by which browsers and scrapers reach the page; those of this machine and plain
    addresses are known."""
    stuck_s: Annotated[float, Field(ge=1.0)] = 60.0
    """Time without a turn of a thread of the service after which `/healthz` says that it hangs:
    longer than your slowest frame and the plan for a new frame shape take. A web process that
    gives no sign of life for as long, and for 30 s at least, is ended and started again."""

    @property
    def off(self) -> bool:
        return self.endpoint == "none"

    @property
    def scheme(self) -> Literal["http", "https"]:
        return "https" if self.endpoint.startswith("https:") else "http"

    @property
    def host(self) -> str:
        """Host to bind; `*` is every address of this machine."""
        return urlsplit(self.endpoint).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.endpoint).port or 0

    def with_port(self, port: int) -> str:
        """Return the endpoint with this port in place of its own."""
        return f"{self.endpoint.rpartition(':')[0]}:{port}"

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)

    @model_validator(mode="after")
    def _fits_together(self) -> HttpSettings:
        if self.off:
            return self
        if not self.on_loopback and self.token_file is None:
            raise ValueError(
                "an endpoint that other machines reach needs token_file: name a file with a secret"
                " of 16 characters or more, or bind 127.0.0.1"
            )
        if (self.scheme == "https") != (self.tls_cert is not None and self.tls_key is not None):
            raise ValueError(
                "tls_cert and tls_key belong to an https:// endpoint: give both and https, or none"
            )
        return self
