"""Hands what it hears of a service to a tap: what `scopeside save` does."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from scopeside.errors import OutputError
from scopeside.recording.tap import Tap
from scopeside.saving.hearing import Heard, Hearing
from scopeside.saving.packet import FrameFacts, encode_saved
from scopeside.saving.pairing import HeardResult

TURN_S = 0.05
"""Longest wait for a message before looking at the tap and whether to stop."""


def listen(hearing: Hearing, tap: Tap, *, until: Callable[[Heard], bool]) -> None:
    """Hand every result to the tap until `until` says so.

    Raises OutputError where the run ended before: nothing would be saved any more.
    """
    while not until(hearing.heard):
        _offer(hearing.turn(TURN_S), tap)
        tap.look()
        if tap.error is not None:
            raise OutputError(tap.error)
    # They were heard: that their frames will not come any more is no reason to lose them too.
    _offer(hearing.rest(), tap)


def _offer(pairs: Iterable[tuple[HeardResult, FrameFacts]], tap: Tap) -> None:
    for heard, facts in pairs:
        tap.offer(encode_saved(heard.message, facts), at_ns=heard.at_ns, at_s=heard.at_s)
