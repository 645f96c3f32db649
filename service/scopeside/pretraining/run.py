"""A training from its recipe to a checkpoint: goes on where it was interrupted."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from scopeside.errors import ServiceError
from scopeside.pretraining.archive import Archive
from scopeside.pretraining.batches import Batch
from scopeside.pretraining.folder import Folder
from scopeside.pretraining.probe import Probe, probe_frames, probed
from scopeside.pretraining.recipe import Recipe
from scopeside.pretraining.stream import BatchStream
from scopeside.pretraining.trainer import State, Step, Trainer
from scopeside.stages.embed.weights import Weights

SAVE_EVERY = 100
"""Steps; as many are lost at most where the process is killed."""
PROBE_EVERY = 500
SETTLING_BATCHES = 48
"""Batches, of both modes by turns, that the final batch-norm statistics are averaged over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a training is, for whoever shows it; `done` is its share, 0 to 1."""

    done: float
    steps: int
    steps_per_s: float
    left_s: float
    loss: float
    probe: Probe | None


def train(
    recipe: Recipe,
    start: Weights,
    folder: Folder,
    *,
    tell: Callable[[Progress], None],
    stopped: Callable[[], bool],
) -> Path:
    """Carry out `recipe` from `start`, or from where it was left, and return the checkpoint.

    `tell` hears after every step; `stopped` is asked before every batch. An interruption loses
    `SAVE_EVERY` steps at most where the process is killed, and none where it is asked to stop.
    Raises KeyboardInterrupt where it was, InputFileError for an archive that cannot be trained
    on, ConfigError where the folder holds another recipe's training, OutputError where it cannot
    be written, and ServiceError where the training diverges.
    """
    paths = [Path(path) for path in recipe.archive]
    archive = Archive(paths, frame_px=recipe.plan.frame_px) if paths else None
    trainer = Trainer(start.state, device=recipe.device)
    frames = probe_frames()
    spent_s = folder.resume(trainer, recipe, start)
    probe: Probe | None = None
    begun_s, first = time.monotonic() - spent_s, trainer.steps
    rate_from_s = time.monotonic()
    try:
        with BatchStream(recipe.plan, seed=recipe.seed, first=first, archive=archive) as stream:
            for batch in _unless(stopped, stream):
                spent_s = time.monotonic() - begun_s
                done = recipe.done(trainer.steps, spent_s)
                if done >= 1.0:
                    break
                step = trainer.step(batch, done=done)
                _require_finite(step)
                folder.log(spent_s=spent_s, step=step)
                if step.number % PROBE_EVERY == 0:
                    probe = probed(trainer.mean, frames, device=recipe.device)
                    folder.log(spent_s=spent_s, probe=probe, step_number=step.number)
                if step.number % SAVE_EVERY == 0:
                    folder.save(trainer, recipe, start, spent_s)
                rate = (trainer.steps - first) / (time.monotonic() - rate_from_s)
                tell(
                    Progress(
                        done=recipe.done(trainer.steps, spent_s),
                        steps=step.number,
                        steps_per_s=rate,
                        left_s=recipe.left_s(trainer.steps, spent_s, rate),
                        loss=step.loss,
                        probe=probe,
                    )
                )
    except KeyboardInterrupt:
        folder.save(trainer, recipe, start, spent_s)
        raise
    folder.save(trainer, recipe, start, spent_s)
    state = _settled(trainer, recipe, archive, stopped)
    final = probed(state, frames, device=recipe.device)
    before = probed(start.state, frames, device=recipe.device)
    folder.log(spent_s=spent_s, probe=final, step_number=trainer.steps)
    return folder.finish(
        state, recipe, start, steps=trainer.steps, spent_s=spent_s, probes=(before, final)
    )


def _require_finite(step: Step) -> None:
    if not math.isfinite(step.loss + step.gradient):
        raise ServiceError(
            f"The training diverged at step {step.number}: its loss is no number any"
            f" more; what was saved last, {SAVE_EVERY} steps before at most, is kept."
        )


def _settled(
    trainer: Trainer, recipe: Recipe, archive: Archive | None, stopped: Callable[[], bool]
) -> State:
    """Return the trained state, its batch statistics averaged over batches of both modes.

    One network serves both. The batches have numbers that no training batch has.
    """
    with BatchStream(recipe.plan, seed=recipe.seed + 1, first=0, archive=archive) as stream:
        return trainer.settled(_unless(stopped, islice(stream, SETTLING_BATCHES)))


def _unless(stopped: Callable[[], bool], batches: Iterable[Batch]) -> Iterator[Batch]:
    """Yield `batches` until asked to stop: between steps, since half a one cannot be resumed."""
    for batch in batches:
        if stopped():
            raise KeyboardInterrupt
        yield batch
