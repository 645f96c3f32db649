"""One open page: what it asks for over its WebSocket, and the answers.

The page asks `picture`, `state` and `call`; each has one answer, and the first two one question
under way at a time. So there is nothing to queue, and nothing to drop.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from scopeside.errors import FatalError
from scopeside.web.history import Cursor
from scopeside.web.hub import Hub, Want
from scopeside.web.picture import size_for

ACTIONS = {
    "name": {"community", "name"},
    "pause": set[str](),
    "resume": set[str](),
    "targets": {"community", "count", "strategy"},
    "rules": {"action", "rule", "name"},
    "reference": set[str](),
}
"""What a page may ask of the service, and with which arguments; nothing that ends it or changes
what it computes."""

NOT_OURS = (ValueError, KeyError, TypeError, OverflowError, RecursionError)
"""What messages raise that no page of ours sends."""

STATE_S = 1.0
"""Least time between two states: plots and figures that change faster cannot be read."""


MOST_VIEWERS = 64
"""Pages open at a time; the next is told so, and tries again."""

TRY_AGAIN = 1013
"""WebSocket's code for it (IANA's registry of close codes)."""


class Viewer:
    """Lives as long as its WebSocket."""

    def __init__(self, hub: Hub, socket: WebSocket) -> None:
        self._hub = hub
        self._socket = socket
        self._sending = asyncio.Lock()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._told_s = float("-inf")

    async def run(self) -> None:
        """Answer until the page goes away."""
        await self._socket.accept()
        if self._hub.viewers >= MOST_VIEWERS:
            await self._socket.close(TRY_AGAIN, f"{MOST_VIEWERS} pages are open already")
            return
        self._hub.viewers += 1
        try:
            while True:
                self._take(await self._socket.receive_text())
        except (WebSocketDisconnect, KeyError):
            # Starlette says KeyError for a binary message, which no page of ours sends.
            return
        finally:
            self._hub.viewers -= 1
            for task in self._tasks.values():
                task.cancel()

    def _take(self, text: str) -> None:
        try:
            asked = json.loads(text)
            kind = asked["type"]
            if kind == "picture":
                want = Want(
                    int(asked["after"]), size_for(int(asked["px"])), bool(asked["confidence"])
                )
                self._begin(kind, partial(self._picture, want))
            elif kind == "state":
                frames, service = Cursor(*asked["frames"]), Cursor(*asked["service"])
                event = int(asked["event"])
                self._begin(kind, partial(self._state, frames, service, event))
            elif kind == "call":
                number = int(asked["id"])
                cmd, arguments = str(asked["cmd"]), dict(asked["arguments"])
                self._begin(f"call {number}", partial(self._call, number, cmd, arguments))
        except NOT_OURS:
            return  # Nothing to answer.

    def _begin(self, key: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do this in place of what the page asked before under the same name.

        `work` begins with its task: what is cancelled before that has left nothing unawaited.
        """
        before = self._tasks.get(key)
        if before is not None:
            before.cancel()
        task = asyncio.create_task(self._until_gone(work))
        self._tasks[key] = task
        task.add_done_callback(lambda _: self._forget(key, task))

    def _forget(self, key: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key]

    async def _until_gone(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except (WebSocketDisconnect, RuntimeError):
            return  # The page went away while it was answered.

    async def _picture(self, want: Want) -> None:
        message = await self._hub.message(want)
        async with self._sending:
            await self._socket.send_bytes(message)

    async def _state(self, frames: Cursor, service: Cursor, event: int) -> None:
        await asyncio.sleep(max(0.0, self._told_s + STATE_S - time.monotonic()))
        self._told_s = time.monotonic()
        state = self._hub.known.told(frames, service, event)
        await self._send({"type": "state", **state, "viewers": self._hub.viewers})

    async def _call(self, number: int, cmd: str, arguments: dict[str, Any]) -> None:
        reply: dict[str, Any] = {"type": "reply", "id": number}
        refused = arguments.keys() - ACTIONS.get(cmd, set())
        if cmd not in ACTIONS or refused:
            what = f"{cmd!r}{' with ' if refused else ''}{', '.join(map(repr, refused))}"
            await self._send(reply | {"ok": False, "why": f"A page may not ask for {what}."})
            return
        try:
            reply |= {"ok": True, "reply": await self._hub.act(cmd, arguments)}
        except FatalError as error:
            reply |= {"ok": False, "why": str(error)}
        await self._send(reply)

    async def _send(self, message: dict[str, Any]) -> None:
        text = json.dumps(message, default=repr)
        async with self._sending:
            await self._socket.send_text(text)
