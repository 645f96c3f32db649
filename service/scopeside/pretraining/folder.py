"""The folder of a training: its log, what it resumes from, the checkpoint with card and plot."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from scopeside.checkpoints.lock import locked
from scopeside.errors import ConfigError, OutputError
from scopeside.pretraining.card import card_text, provenance
from scopeside.pretraining.probe import Probe
from scopeside.pretraining.recipe import Recipe
from scopeside.pretraining.trainer import State, Step, Trainer
from scopeside.stages.embed.compact import compacted
from scopeside.stages.embed.weights import Weights

RESUME_FILE = "resume.pt"
LOG_FILE = "log.jsonl"
ENCODER_FILE = "encoder.safetensors"
COMPACT_FILE = "encoder-int8.safetensors"
CARD_FILE = "card.md"
PLOT_FILE = "training.png"
LOCKED = "training"


_UNREADABLE = (
    OSError,
    RuntimeError,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    pickle.UnpicklingError,
)
"""What damaged bytes, or another program's file, lead to in torch and in the trainer."""


class Folder:
    """Where one training lives. Raises OutputError where it cannot be written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"The folder {path} cannot be made ({error.strerror}): choose another with -o."
            ) from None

    def held(self) -> AbstractContextManager[None]:
        """Hold the folder for one training: two would take turns to overwrite each other.

        Entering raises ConfigError where another process holds it. On Windows nothing is held.
        """
        return locked(
            self._path / LOCKED,
            refusal=ConfigError(
                f"Another process trains in {self._path}; wait for it, stop it, or choose another"
                " folder with -o."
            ),
        )

    def resume(self, trainer: Trainer, recipe: Recipe, start: Weights) -> float:
        """Bring `trainer` to where the folder's training was left; return the seconds spent.

        Raises ConfigError where that training had other batches or began from other weights.
        """
        import torch

        file = self._path / RESUME_FILE
        spent_s = 0.0
        if file.exists():
            with _telling_of_damage(file):
                saved = torch.load(file, weights_only=True, map_location="cpu")
                begun, spent_s = json.loads(saved["recipe"]), float(saved["spent_s"])
                if not recipe.same_batches(begun) or saved["start"] != start.sha256:
                    raise ConfigError(
                        f"{self._path} holds a training with another seed, archive or start, or"
                        " of a version that simulates other specimens; give the same again, or"
                        " choose another folder with -o."
                    )
                trainer.resume(saved)
        self._forget_after(trainer.steps)
        return spent_s

    def _forget_after(self, steps: int) -> None:
        """Take off the log the steps that were lost, which will be taken, and logged, again."""
        kept = [json.dumps(entry) + "\n" for entry in self.entries() if entry["step"] <= steps]
        with _Telling(self._path):
            _write(self._path / LOG_FILE, "".join(kept).encode())

    def save(self, trainer: Trainer, recipe: Recipe, start: Weights, spent_s: float) -> None:
        """Replace what the training resumes from, in one step."""
        import torch

        saved = trainer.to_resume()
        saved |= {
            "recipe": json.dumps(recipe.to_json()),
            "start": start.sha256,
            "spent_s": spent_s,
        }
        new = self._path / f"{RESUME_FILE}.new"
        with _Telling(self._path):
            # Of a file that it opens itself, torch reports a full disk as a fault of its own.
            with new.open("wb") as file:
                torch.save(saved, file)
            new.replace(self._path / RESUME_FILE)

    def log(
        self,
        *,
        spent_s: float,
        step: Step | None = None,
        probe: Probe | None = None,
        step_number: int | None = None,
    ) -> None:
        """Add a line of JSON: what a step or a probe measured."""
        entry: dict[str, Any] = {"s": round(spent_s, 1)}
        if step is not None:
            entry |= {
                "step": step.number,
                "mode": step.mode,
                "loss": round(step.loss, 5),
                "gradient": round(step.gradient, 4),
            }
        if probe is not None:
            entry |= {
                "step": step_number,
                "probe_chips": round(probe.chips, 4),
                "probe_shared": round(probe.shared, 4),
            }
        with _Telling(self._path), (self._path / LOG_FILE).open("a", encoding="utf-8") as log:
            log.write(json.dumps(entry) + "\n")

    def entries(self) -> list[dict[str, Any]]:
        """Return the log; a line that a crash cut short is left out."""
        entries: list[dict[str, Any]] = []
        file = self._path / LOG_FILE
        if not file.exists():
            return entries
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                entries.append(json.loads(line))
            except ValueError:
                continue
        return entries

    def finish(
        self,
        state: State,
        recipe: Recipe,
        start: Weights,
        *,
        steps: int,
        spent_s: float,
        probes: tuple[Probe, Probe],
    ) -> Path:
        """Write the checkpoint in float32 and compact, the card and the plot."""
        from safetensors.torch import save

        from scopeside.pretraining.plot import training_plot

        facts = provenance(recipe, start, steps=steps, spent_s=spent_s, probes=probes)
        with _Telling(self._path):
            path = self._path / ENCODER_FILE
            _write(path, save(state, metadata=facts))
            compact, loss = compacted(state)
            _write(self._path / COMPACT_FILE, save(compact, metadata=facts))
            _write(self._path / CARD_FILE, card_text(facts, loss).encode())
            training_plot(self.entries()).savefig(self._path / PLOT_FILE)
        return path


def _write(path: Path, data: bytes) -> None:
    new = path.with_name(f"{path.name}.new")
    new.write_bytes(data)
    new.replace(path)


@contextmanager
def _telling_of_damage(file: Path) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE:
        raise ConfigError(
            f"{file} is damaged; remove it to begin anew, or choose another folder with -o."
        ) from None


class _Telling:
    """Turns what the system says of a full or forbidden disk into one sentence."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise OutputError(
                f"The training cannot be written to {self._path}: {error.strerror or error}."
            ) from error
