"""One page's questions: what is asked anew replaces what was asked, and leaves nothing behind."""

import asyncio
import gc
import json
import warnings

from starlette.websockets import WebSocketDisconnect

from scopeside.web.viewer import Viewer


class Page:
    """A WebSocket that brings all its questions at once, and then goes away."""

    def __init__(self, questions):
        self._questions = [json.dumps(one) for one in questions]

    async def accept(self):
        pass

    async def receive_text(self):
        if self._questions:
            return self._questions.pop(0)
        raise WebSocketDisconnect


class SilentHub:
    viewers = 0

    async def message(self, want):
        await asyncio.Event().wait()


def test_questions_that_are_cancelled_before_they_began_leave_nothing_unawaited():
    picture = {"type": "picture", "after": 0, "px": 256, "confidence": False}
    call = {"type": "call", "id": 1, "cmd": "pause", "arguments": {}}

    async def look():
        await Viewer(SilentHub(), Page([picture, picture, call, call])).run()
        await asyncio.sleep(0)

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        asyncio.run(look())
        gc.collect()
    assert [str(one.message) for one in told] == []
