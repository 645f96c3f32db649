"""Asks the service on behalf of all viewers, and hands each what it waits for.

Nothing is pushed: a page asks for the next picture and the next state once it has shown the last,
so that each gets the newest at its own pace, and a slow or hidden one asks for less or nothing.
What the service is asked for does not grow with the number of viewers.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from scopeside.client.subscriber import EventSubscriber
from scopeside.errors import FatalError, ServiceError
from scopeside.web.known import Known
from scopeside.web.link import Figures, ServiceLink
from scopeside.web.picture import Picture
from scopeside.web_spec import WebSpec

log = logging.getLogger(__name__)

PICTURE_S = 0.1
"""Least time between two pictures asked for: ten a second look like a film."""

NEXT_S = 0.5
"""Longest wait for a result to go out, of which the event `observation` tells."""

DRAWN_S = 0.005
"""After it the service makes the picture, and then has nothing to do until the next frame comes."""

IDLE_S = 1.0
"""Time between two looks where nobody watches: so that plots have a past when somebody comes."""

RULES_S = 5.0
"""Time between two looks at the rules while somebody watches: others set them too."""

HEAR_S = 0.2
"""How often the thread that hears events looks whether it is to end."""


@dataclass(eq=False, slots=True)
class Want:
    """A viewer that waits for a picture newer than `after`."""

    after: int
    px: int
    confidence: bool
    picture: asyncio.Future[Picture] = field(default_factory=asyncio.Future)


class Hub:
    """Made and used in the event loop; `run` is its life, `close` its end."""

    def __init__(self, spec: WebSpec, figures: Figures) -> None:
        self.known = Known()
        self.viewers = 0
        self._figures = figures
        self._link = ServiceLink(spec.control, spec.keys)
        self._spec = spec
        self._picture: Picture | None = None
        self._seq = 0
        self._rules_s = float("-inf")
        self._wants: list[Want] = []
        self._acting: set[asyncio.Task[dict[str, Any]]] = set()
        self._woken = asyncio.Event()
        self._moment = asyncio.Event()
        self._ended = threading.Event()
        # One thread: pictures come one after another, and two would take both cores from a frame.
        self._encoder = ThreadPoolExecutor(max_workers=1, thread_name_prefix="encode")

    async def run(self) -> None:
        """Look, measure and listen until cancelled."""
        hearing = asyncio.create_task(asyncio.to_thread(self._hear, asyncio.get_running_loop()))
        try:
            await asyncio.gather(self._look_on(), self._measure_on())
        finally:
            self._ended.set()
            await hearing
            await self._link.close()
            self._encoder.shutdown(wait=False, cancel_futures=True)

    async def picture(self, want: Want) -> Picture:
        """Return the next picture for a viewer; waits until there is one."""
        if self._picture is not None and self._has(want) and self._picture.seq != want.after:
            return self._picture
        self._wants.append(want)
        self._woken.set()
        if not self._has(want):
            self._moment.set()
        try:
            return await want.picture
        finally:
            self._wants.remove(want)

    def _has(self, want: Want) -> bool:
        """Whether the last picture would do for a viewer, but for its age."""
        held = self._picture
        return held is not None and held.serves(want.px, confidence=want.confidence)

    async def message(self, want: Want) -> bytes:
        """Return the next picture as a viewer gets it, encoded once for all who want it so."""
        picture = await self.picture(want)
        return await picture.message(want.px, confidence=want.confidence, encoder=self._encoder)

    async def act(self, cmd: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Do as a viewer says; FatalError with the service's sentence where it refuses.

        What was asked is done to its end, also where the viewer goes away meanwhile.
        """
        acting = asyncio.create_task(self._act(cmd, arguments))
        self._acting.add(acting)
        acting.add_done_callback(self._acting.discard)
        return await asyncio.shield(acting)

    async def _act(self, cmd: str, arguments: dict[str, Any]) -> dict[str, Any]:
        reply = await self._link.call(cmd, **arguments)
        if cmd == "name":
            self.known.rename(reply["community"], reply["name"])
            if self._picture is not None:
                self._picture.told_anew()
        elif cmd == "rules":
            await self._ask_rules()
        return reply

    async def _look_on(self) -> None:
        while True:
            begun_s = time.monotonic()
            await self._quietly(self._look)
            self._woken.clear()
            spent_s = time.monotonic() - begun_s
            await asyncio.sleep(max(0.0, PICTURE_S - spent_s))
            if all(map(self._has, self._wants)):
                self._moment.clear()
            # Woken at once when a viewer comes to want something. Then pictures are fetched and
            # encoded when a result has just gone out: a core is free then, for once.
            waits = (self._moment, NEXT_S) if self._wants else (self._woken, IDLE_S - PICTURE_S)
            await self._wait(*waits)

    async def _wait(self, event: asyncio.Event, longest_s: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), longest_s)

    async def _look(self) -> None:
        wants = list(self._wants)
        px = max((want.px for want in wants), default=0)
        confidence = any(want.confidence for want in wants)
        held = self._picture
        fits = held is not None and held.serves(px, confidence=confidence)
        after = (held.seq if held is not None and fits else 0) if wants else self._seq
        reply = await self._link.call("preview", after=after, max_px=px, confidence=confidence)
        if "result" in reply:
            if reply["seq"] != self._seq:
                self._seq = reply["seq"]
                self.known.see(reply["result"])
            if "image" in reply:
                self._picture = Picture(reply, max_px=px)
                # What was renamed since stays renamed: both tell of one result.
                self._picture.result["communities"] = self.known.result["communities"]
        if self._picture is not None:
            for want in wants:
                fresh = self._picture.seq != want.after
                if fresh and self._picture.serves(want.px, confidence=want.confidence):
                    _deliver(want, self._picture)

    async def _measure_on(self) -> None:
        while True:
            await self._quietly(self._measure)
            await asyncio.sleep(IDLE_S)

    async def _measure(self) -> None:
        answer = await self._figures.now()
        if answer.figures is None:
            return
        self.known.measure(answer.figures)
        if self.known.asked_device is None:
            config = await self._link.call("config")
            self.known.asked_device = config["config"]["device"]
            await self._ask_rules()
        elif self.viewers and time.monotonic() - self._rules_s > RULES_S:
            await self._ask_rules()

    async def _ask_rules(self) -> None:
        """Rules are an addition that a service may not know yet: then none are offered."""
        self._rules_s = time.monotonic()
        try:
            self.known.rules = (await self._link.call("rules", action="list"))["rules"]
        except ServiceError:
            self.known.rules = None

    async def _quietly(self, work: Callable[[], Awaitable[None]]) -> None:
        """Go on where the service does not answer: the page says so, and it may come back."""
        try:
            await work()
        except FatalError as error:
            log.debug("the service does not answer", extra={"because": str(error)})

    def _hear(self, loop: asyncio.AbstractEventLoop) -> None:
        with EventSubscriber(self._spec.events, keys=self._spec.keys) as events:
            while not self._ended.is_set():
                event = events.receive(HEAR_S)
                if event is not None:
                    loop.call_soon_threadsafe(self._heard, event)

    def _heard(self, event: dict[str, Any]) -> None:
        self.known.hear(event)
        if event.get("kind") == "observation":
            asyncio.get_running_loop().call_later(DRAWN_S, self._moment.set)


def _deliver(want: Want, picture: Picture) -> None:
    if not want.picture.done():
        want.picture.set_result(picture)
