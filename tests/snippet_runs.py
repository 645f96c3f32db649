"""Runs the Python that the documentation shows, with the default endpoints replaced."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

from live import Endpoints

LIMIT_S = 60.0
"""Longest that a snippet may take on a busy machine."""

CLIENT_PAGE = {
    "results": "client.results(timeout_s=10):\n        for community",
    "label map": "labels.neighbours",
    "commands": "client.reference()",
    "events": "client.events(",
    "frames": "microscope.clock.wait",
    "asyncio": "async def main",
    "errors": "RefusedError as error",
    "bluesky": "RunEngine",
}
"""What each block of docs/client.md is known by."""

LOOP_PAGE = {
    "see": "for _ in range(3)",
    "decide": "the front is off the middle by",
    "act": "for _ in range(20)",
    "measure": "twin.truth(",
    "instrument": "class Microscope",
}
"""And each of docs/write-a-loop.md."""

TWIN = "tcp://127.0.0.1:5560"


def on(endpoints: Endpoints, code: str, *, twin: str | None = None) -> str:
    """The snippet with the default endpoints replaced."""
    at = (
        f"results={endpoints.results!r}, events={endpoints.events!r}, control={endpoints.control!r}"
    )
    code = re.sub(r"(?<!\w)((?:Async)?Client)\(\)", rf"\1({at})", code)
    # A fixed charge for thinking, or a busy machine would let the front run away.
    code = code.replace("TwinClient()", f"TwinClient({twin!r}, latency_s=0.1)")
    for port, endpoint in (
        (5555, endpoints.frames),
        (5556, endpoints.results),
        (5557, endpoints.events),
        (5558, endpoints.control),
    ):
        code = code.replace(f"tcp://127.0.0.1:{port}", endpoint)
    assert not re.search(r"tcp://127.0.0.1:555\d", code)
    return code


def ran_here(code: str) -> str:
    """What a snippet printed, run in this process: as it is shown, but sooner."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile(code, "snippet", "exec"), {"__name__": "__main__"})
    return printed.getvalue()


def ran(code: str, folder: Path) -> str:
    """What a snippet printed, run to its end by a Python of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
