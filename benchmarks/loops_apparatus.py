"""The two processes that a loop stands between, and its two clients."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness import ROOT
from scopeside.client import Client
from scopeside.demo.processes import Child
from scopeside.twin.client import TwinClient

READY_S = 120.0


@dataclass(kw_only=True)
class Apparatus:
    """A ready service, a twin that sends to it, and who asks them."""

    client: Client
    twin: TwinClient
    runs: int = 0

    def begin(self, specimen: str, seed: int, *, fov_m: float, front_lead_m: float = 0.0) -> None:
        """Put a fresh specimen in; nothing is charged yet."""
        self.runs += 1
        self.twin.reset(
            specimen=specimen,
            seed=seed,
            series=f"{specimen}-{seed}-{self.runs}-{time.time_ns()}",
            front_lead_m=front_lead_m,
        )
        self.twin.fov(fov_m)
        self.twin.charged_s = 0.0


@contextmanager
def apparatus(folder: Path, *, side_px: int, speed: float | None) -> Iterator[Apparatus]:
    """Start service and twin on sockets in `folder`, for square frames, and stop them.

    The twin's clock goes `speed` times as fast as this world's; with None it is stepped.
    """
    frames, results, events, control, commands = (
        f"ipc://{folder}/{name}" for name in ("f", "r", "e", "c", "t")
    )
    serve = [
        f"--config={ROOT / 'examples' / 'twin.toml'}",
        f"--set=service.frame_shape=[{side_px},{side_px}]",
        f"--set=ingest.endpoint={frames}",
        f"--set=publish.results={results}",
        f"--set=publish.events={events}",
        f"--set=control.endpoint={control}",
        "--set=http.endpoint=none",
    ]
    twin = ["--socket=push", f"--to={frames}", f"--control={commands}", "--quiet"]
    twin.append(f"--shape={side_px}x{side_px}")
    if speed is not None:
        twin.append(f"--speed={speed}")
    with (
        started("serve", *serve, log=folder / "serve.log"),
        started("twin", *twin, log=folder / "twin.log"),
        Client(results=results, events=events, control=control) as client,
        TwinClient(commands) as asked,
    ):
        client.wait_until("ready", timeout_s=READY_S)
        yield Apparatus(client=client, twin=asked)


@contextmanager
def started(*words: str, log: Path) -> Iterator[None]:
    """A `scopeside` command as a process; what it said is shown where it did not end by itself."""
    child = Child(words, log=log)
    try:
        yield
    except BaseException:
        sys.stderr.write(log.read_text())
        raise
    finally:
        child.stop()
