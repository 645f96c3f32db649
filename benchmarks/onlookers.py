"""People who look at the live page, for a benchmark: they ask for pictures and states as it does.

    python benchmarks/onlookers.py ws://HOST:PORT/live COUNT

Looks while it was last told `look` on standard input, and not after `rest`, which it answers with
how many pictures came. It runs when a core has nothing else to do, because people who look do so
on machines of their own.
"""

from __future__ import annotations

import asyncio
import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from websockets.asyncio.client import connect

PX = 640
"""What the page asks for in a window of 1280 x 720."""


class Onlookers:
    """Another process of this file; `look` and `rest` as often as one likes."""

    def __init__(self, commands: IO[str], answers: IO[str]) -> None:
        self._commands = commands
        self._answers = answers

    def look(self) -> None:
        self._tell("look")

    def rest(self) -> int:
        """Go away; returns how many pictures were seen since `look`, by all together."""
        self._tell("rest")
        return int(self._answers.readline())

    def _tell(self, word: str) -> None:
        self._commands.write(f"{word}\n")
        self._commands.flush()


@contextmanager
def onlookers(address: str, count: int) -> Iterator[Onlookers]:
    """So many viewers of the page at this address, resting at first."""
    process = subprocess.Popen(
        [sys.executable, __file__, address, str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the process has no pipes")
        yield Onlookers(process.stdin, process.stdout)
    finally:
        process.communicate()


async def view(address: str, seen: list[int]) -> None:
    """Look as a page does until cancelled: the next picture once the last is here."""
    async with connect(address, max_size=None) as socket:
        after, cursors = 0, {"frames": [0, 0], "service": [0, 0], "event": 0}

        async def ask(kind: str) -> None:
            more = {"after": after, "px": PX, "confidence": False} if kind == "picture" else cursors
            await socket.send(json.dumps({"type": kind, **more}))

        await ask("picture")
        await ask("state")
        async for message in socket:
            if isinstance(message, bytes):
                (length,) = struct.unpack_from("<I", message)
                after = json.loads(message[4 : 4 + length])["seq"]
                seen.append(after)
                await ask("picture")
            else:
                told = json.loads(message)
                for key in ("frames", "service"):
                    cursors[key] = [told[key]["version"], told[key]["count"]]
                cursors["event"] = told["event"]
                await ask("state")


async def obey(address: str, count: int) -> None:
    """Look and rest as standard input says, until it ends."""
    looking: list[asyncio.Task[None]] = []
    seen: list[int] = []
    while word := (await asyncio.to_thread(sys.stdin.readline)).strip():
        if word == "look":
            looking = [asyncio.create_task(view(address, seen)) for _ in range(count)]
            continue
        for one in looking:
            one.cancel()
        ended = await asyncio.gather(*looking, return_exceptions=True)
        lost = [one for one in ended if not isinstance(one, asyncio.CancelledError)]
        if lost:
            raise SystemExit(f"A viewer lost its page: {lost[0]!r}.")
        print(len(seen), flush=True)
        seen.clear()


if __name__ == "__main__":
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    asyncio.run(obey(sys.argv[1], int(sys.argv[2])))
