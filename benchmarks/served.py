"""The service on endpoints of its own, ready and with its page, for as long as is needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from scopeside.demo.processes import Child, children, free_endpoints
from service_overhead import wait_until_ready


@dataclass(frozen=True, kw_only=True)
class Served:
    """A ready service; what is put on `stack` ends before it does."""

    stack: ExitStack
    child: Child
    frames: str
    results: str
    control: str
    web: str


@contextmanager
def served(folder: Path, *options: str) -> Iterator[Served]:
    """Start the service with a page and a PULL socket, wait until it is ready, and stop it."""
    frames, results, events, control, web = free_endpoints(5)
    web = web.replace("tcp://", "http://")
    sets = {
        "ingest.endpoint": frames,
        "ingest.socket": "pull",
        "publish.results": results,
        "publish.events": events,
        "control.endpoint": control,
        "http.endpoint": web,
    }
    words = [*options, *(f"--set={key}={value}" for key, value in sets.items())]
    with children() as stack:
        child = Child(["serve", *words], log=folder / "serve.log")
        stack.callback(child.stop)
        wait_until_ready(child, control)
        yield Served(
            stack=stack, child=child, frames=frames, results=results, control=control, web=web
        )
