"""Who may see and do what: hosts, origins and the token, before anything else is looked at.

- A browser that was lured to a stranger's page must not reach the service through it: the `Host`
  of a request has to be one of ours (else a stranger's name could be pointed at our address), and
  the `Origin` of a WebSocket or a POST the very page that we served.
- Where a token is set, everything that shows or changes anything takes it. What does not: the
  health checks, and the page's own files, which say nothing of the service.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scopeside.web_token import cookie_of, same


def cookie_name(port: int) -> str:
    """Return the cookie's name: browsers send a host's cookies to all of its ports."""
    return f"scopeside-{port}"


OPEN = ("/healthz", "/readyz", "/", "/login", "/favicon.ico")
OPEN_BELOW = "/static/"

HEADERS = {
    # Nothing from elsewhere and nothing inline; pictures are made in the page.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:;"
        " connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """Wraps the whole application."""

    def __init__(
        self, app: ASGIApp, *, hosts: Iterable[str], token: str | None, cookie: str
    ) -> None:
        self._app = app
        self._hosts = {host.lower() for host in hosts} | own_names()
        self._token = token
        self._cookie = cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            code, why = refusal
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008, "reason": why})
                return
            await PlainTextResponse(f"{why}\n", code, HEADERS)(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_ours(host):
            return 421, f"Host {host[:100]!r} is not known here: name it in http.hosts."
        origin = headers.get("origin")
        acts = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD")
        if acts and origin is not None and origin.partition("://")[2].lower() != host.lower():
            return 403, f"Origin {origin[:100]!r} is another page than the one served here."
        if self._token is None or _is_open(scope["path"]) or self._shows_token(headers):
            return None
        return 401, "The token is needed: sign in on the page, or send Authorization: Bearer TOKEN."

    def _is_ours(self, host: str) -> bool:
        name = _hostname(host)
        try:
            ip_address(name)
        except ValueError:
            return name in self._hosts
        # An address cannot be pointed elsewhere by a stranger, as a name can.
        return True

    def _shows_token(self, headers: Headers) -> bool:
        token = self._token or ""
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and same(given.strip(), token):
            return True
        try:
            kept = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            return False
        return kept is not None and same(kept.value, cookie_of(token))


def own_names() -> set[str]:
    """Return the names of this machine that need no setting."""
    return {"localhost", socket.gethostname().lower(), socket.getfqdn().lower()}


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith(OPEN_BELOW)
