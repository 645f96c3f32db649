"""Train an encoder on simulated micrographs and on your own."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from scopeside.commands.stopping import stopping
from scopeside.errors import BackendError, ConfigError

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from scopeside.pretraining.run import Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "data",
        type=Path,
        nargs="*",
        help="your own unlabelled micrographs: files, or folders with all below them",
    )
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of the training; given again, it goes on",
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--steps", type=int, default=6000, metavar="N", help="batches (default: %(default)s)"
    )
    length.add_argument(
        "--minutes", type=float, metavar="M", help="time instead of steps, over all interruptions"
    )
    parser.add_argument(
        "--start", default="seeded", metavar="WEIGHTS", help="as embed.weights (default: seeded)"
    )
    parser.add_argument("--seed", type=int, default=7, help="of the batches (default: 7)")
    parser.add_argument(
        "--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)"
    )
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0 takes every core")


def run(args: argparse.Namespace) -> int:
    """Train, and leave encoder.safetensors, its compact form, card.md and training.png."""
    if args.steps < 1 or args.seed < 0 or args.threads < 0:
        raise ConfigError("--steps must be 1 or more, --seed and --threads 0 or more.")
    if args.minutes is not None and not 0 < args.minutes < math.inf:
        raise ConfigError("--minutes must be above 0.")
    import torch

    from scopeside.pretraining.folder import Folder
    from scopeside.pretraining.recipe import Recipe
    from scopeside.pretraining.run import train
    from scopeside.stages.embed.weights import load_weights

    if args.threads:
        torch.set_num_threads(args.threads)
    recipe = Recipe(
        steps=args.steps,
        minutes=args.minutes,
        seed=args.seed,
        device=_device(args.device),
        archive=tuple(str(path.resolve()) for path in args.data),
    )
    start = load_weights(args.start)
    folder = Folder(args.out)
    with folder.held(), stopping() as stopped, _Shown() as tell:
        path = train(recipe, start, folder, tell=tell, stopped=stopped)
    sys.stdout.write(
        f"{path}\nUse it with --set embed.weights={path} --set identity.unit=0.7; what it is"
        f" stands in {path.with_name('card.md')}.\n"
    )
    return 0


def _device(asked: str) -> str:
    import torch

    cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if asked == "auto":
        return "cuda:0" if cards else "cpu"
    if asked == "cpu":
        return "cpu"
    name, _, number = asked.partition(":")
    if name != "cuda" or not (number or "0").isdecimal():
        raise ConfigError(f"--device {asked} is none of auto, cpu, cuda, cuda:N.")
    if int(number or 0) >= cards:
        raise BackendError(
            f"--device {asked} was asked for, but torch finds {cards or 'no'} NVIDIA GPU here;"
            " give --device cpu."
        )
    return f"cuda:{int(number or 0)}"


class _Shown:
    """A bar with rate, loss and time left on a terminal; a line now and then elsewhere."""

    EVERY = 100

    def __init__(self) -> None:
        self._bar: Bar | None = None
        self._loss: float | None = None

    def __enter__(self) -> Callable[[Progress], None]:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        console = Console(file=sys.stderr)
        if console.is_terminal:
            columns = (TextColumn("training"), BarColumn(), TextColumn("{task.description}"))
            self._bar = Progress(*columns, console=console)
            self._bar.start()
            self._task = self._bar.add_task("first step", total=1.0)
        return self._tell

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _tell(self, now: Progress) -> None:
        # One step says little: batches differ more than a hundred steps of training do.
        self._loss = now.loss if self._loss is None else 0.98 * self._loss + 0.02 * now.loss
        text = (
            f"{now.done:6.1%}  step {now.steps}  {now.steps_per_s:.2f} steps/s"
            f"  loss {self._loss:.3f}  {_clock(now.left_s)} left"
        )
        if now.probe is not None:
            text += f"  probe {now.probe.chips:.3f} / {now.probe.shared:.3f}"
        if self._bar is not None:
            self._bar.update(self._task, completed=min(now.done, 1.0), description=text)
        elif now.steps % self.EVERY == 0:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
