"""What is served at `http.endpoint`: paths, and who answers them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from scopeside.web import health
from scopeside.web.guard import Guard, cookie_name
from scopeside.web.health import Verdict
from scopeside.web.hub import Hub
from scopeside.web.link import Figures, ServiceLink
from scopeside.web.prometheus import exposition
from scopeside.web.viewer import Viewer
from scopeside.web_spec import WebSpec
from scopeside.web_token import cookie_of, read_token, same

STATIC = Path(__file__).with_name("static")

WRONG_TOKEN_S = 0.5
"""Pause after a wrong token, for who types one; against guessing stands the length of a token."""

LARGEST_FORM_BYTES = 4096


class Site:
    """Answers every request; one for the life of the process, made in its event loop."""

    def __init__(self, spec: WebSpec) -> None:
        self._spec = spec
        self._link = ServiceLink(spec.control, spec.keys)
        self._figures = Figures(self._link)
        self._hub = Hub(spec, self._figures)
        self.running = asyncio.create_task(self._hub.run())
        """Ends by a fault or by `close`."""
        token_file = spec.http.token_file
        self.token = None if token_file is None else read_token(token_file)

    async def page(self, _request: Request) -> Response:
        return FileResponse(STATIC / "index.html")

    async def live(self, socket: WebSocket) -> None:
        await Viewer(self._hub, socket).run()

    async def session(self, _request: Request) -> Response:
        """Say whether the page may go on: the guard has refused whoever has to show a token."""
        return PlainTextResponse("welcome\n")

    async def login(self, request: Request) -> Response:
        """Take the token as the body, and give a cookie for it."""
        given = await _short_body(request)
        if self.token is None or not same(given.strip(), self.token):
            await asyncio.sleep(WRONG_TOKEN_S)
            return PlainTextResponse("This is not the token.\n", 401)
        answer = PlainTextResponse("welcome\n")
        answer.set_cookie(
            cookie_name(self._spec.http.port),
            cookie_of(self.token),
            httponly=True,
            samesite="strict",
            secure=self._spec.http.scheme == "https",
        )
        return answer

    async def metrics(self, request: Request) -> Response:
        """Return Prometheus's page; 200 also where the service does not answer: that is a figure
        of it (`scopeside_up`)."""
        answer = await self._figures.now()
        body, content_type = exposition(
            answer.figures,
            viewers=self._hub.viewers,
            accept=request.headers.get("accept", ""),
        )
        return Response(body, headers={"Content-Type": content_type})

    async def healthz(self, _request: Request) -> Response:
        answer = await self._figures.now()
        return _told(health.alive(answer, stuck_s=self._spec.http.stuck_s))

    async def readyz(self, _request: Request) -> Response:
        return _told(health.ready(await self._figures.now()))

    async def close(self) -> None:
        """End what runs and disconnect; raises the fault that it ended by, if there was one."""
        self.running.cancel()
        (ended,) = await asyncio.gather(self.running, return_exceptions=True)
        await self._link.close()
        if isinstance(ended, Exception):
            raise ended


def application(spec: WebSpec, site: Site) -> Guard:
    """Return the guarded application."""
    starlette = Starlette(
        routes=[
            Route("/", site.page),
            Route("/session", site.session),
            Route("/login", site.login, methods=["POST"]),
            WebSocketRoute("/live", site.live),
            Route("/metrics", site.metrics),
            Route("/healthz", site.healthz),
            Route("/readyz", site.readyz),
            Mount("/static", StaticFiles(directory=STATIC)),
        ]
    )
    return Guard(
        starlette,
        hosts=(spec.http.host, *spec.http.hosts),
        token=site.token,
        cookie=cookie_name(spec.http.port),
    )


async def _short_body(request: Request) -> str:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_FORM_BYTES:
            return ""
    return body.decode(errors="replace")


def _told(verdict: Verdict) -> Response:
    return PlainTextResponse(f"{verdict.why}\n", 200 if verdict.ok else 503)
