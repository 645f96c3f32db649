"""What is served at `http.endpoint`: paths, and who answers them."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from scopeside.web import health
from scopeside.web.guard import Guard
from scopeside.web.health import Verdict
from scopeside.web.link import Figures, ServiceLink
from scopeside.web.prometheus import exposition
from scopeside.web_spec import WebSpec
from scopeside.web_token import read_token


class Site:
    """Answers every request; one for the life of the process."""

    def __init__(self, spec: WebSpec) -> None:
        self._spec = spec
        self._link = ServiceLink(spec.control, spec.keys)
        self._figures = Figures(self._link)

    async def metrics(self, request: Request) -> Response:
        """Return Prometheus's page; 200 also where the service does not answer: that is a figure
        of it (`scopeside_up`)."""
        answer = await self._figures.now()
        body, content_type = exposition(
            answer.figures, viewers=0, accept=request.headers.get("accept", "")
        )
        return Response(body, headers={"Content-Type": content_type})

    async def healthz(self, _request: Request) -> Response:
        answer = await self._figures.now()
        return _told(health.alive(answer, stuck_s=self._spec.http.stuck_s))

    async def readyz(self, _request: Request) -> Response:
        return _told(health.ready(await self._figures.now()))

    async def close(self) -> None:
        await self._link.close()


def application(spec: WebSpec, site: Site) -> Guard:
    """Return the guarded application."""
    starlette = Starlette(
        routes=[
            Route("/metrics", site.metrics),
            Route("/healthz", site.healthz),
            Route("/readyz", site.readyz),
        ]
    )
    token_file = spec.http.token_file
    return Guard(
        starlette,
        hosts=(spec.http.host, *spec.http.hosts),
        token=None if token_file is None else read_token(token_file),
    )


def _told(verdict: Verdict) -> Response:
    return PlainTextResponse(f"{verdict.why}\n", 200 if verdict.ok else 503)
