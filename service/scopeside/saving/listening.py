"""Hands what it hears of a service to a tap: what `scopeside save` does."""

from __future__ import annotations

from collections.abc import Callable

from scopeside.errors import OutputError
from scopeside.recording.tap import Tap
from scopeside.saving.hearing import Heard, Hearing
from scopeside.saving.packet import encode_saved

TURN_S = 0.05
"""Longest wait for a message before looking at the tap and whether to stop."""


def listen(hearing: Hearing, tap: Tap, *, until: Callable[[Heard], bool]) -> None:
    """Hand every result to the tap until `until` says so.

    Raises OutputError where the run ended before: nothing would be saved any more.
    """
    while not until(hearing.heard):
        for heard, facts in hearing.turn(TURN_S):
            tap.offer(encode_saved(heard.message, facts), at_ns=heard.at_ns, at_s=heard.at_s)
        tap.look()
        if tap.error is not None:
            raise OutputError(tap.error)
