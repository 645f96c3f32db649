"""Stage times of a frame on the card, read from marks that are reached: nobody waits for them."""

from __future__ import annotations

from scopeside.clock import StageClock
from scopeside.device.card import Mark
from scopeside.device.lane import Marks


def card_stages(marks: Marks) -> dict[str, float]:
    """Return seconds by stage, copies among them, in the order in which the card did them.

    A stage's time is what passed on the card since the stage before. With two frames on the card
    that has pauses in it, in which the other frame's kernels ran. Of what was painted twice, only
    the second time counts.
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


def stage_times(clock: StageClock, marks: Marks) -> dict[str, float]:
    """Return what host and card together spent in each stage, in seconds."""
    seconds = {stage: clock.stages_s.get(stage, 0.0) for stage in ("plan", "receive")}
    for stage, spent_s in (*card_stages(marks).items(), *clock.stages_s.items()):
        if stage not in ("plan", "receive"):
            seconds[stage] = seconds.get(stage, 0.0) + spent_s
    return seconds
