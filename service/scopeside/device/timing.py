"""Stage times of a frame on the card, read from marks that are reached: nobody waits for them."""

from __future__ import annotations

from scopeside.device.card import Mark
from scopeside.device.lane import Marks


def card_stages(marks: Marks) -> dict[str, float]:
    """Return seconds by stage, copies among them, in the order in which the card did them.

    A stage's time is what passed on the card since the stage before. With two frames on the card
    that has pauses in it, in which the other frame's kernels ran.
    """
    seconds = {"upload": marks.uploaded.seconds_since(marks.upload_begun)}
    seconds |= _between(marks.begun, marks.stages)
    seconds |= _between(marks.finish_begun, marks.last_stages)
    seconds["download"] = marks.downloaded.seconds_since(marks.download_begun)
    return seconds


def _between(begun: Mark, stages: dict[str, Mark]) -> dict[str, float]:
    seconds = {}
    before = begun
    for stage, mark in stages.items():
        seconds[stage] = mark.seconds_since(before)
        before = mark
    return seconds
