"""What a training is made of."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from scopeside.pretraining.batches import Plan
from scopeside.pretraining.specimens import SIMULATION


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The same recipe of `steps` on the same machine gives the same weights.

    It lasts `steps`, or `minutes` where those are given; the learning rate falls towards the
    end of whichever it is. Minutes count while the training runs, over all interruptions.
    """

    steps: int = 6000
    minutes: float | None = None
    seed: int = 7
    device: str = "cpu"
    simulation: int = SIMULATION
    archive: tuple[str, ...] = ()
    plan: Plan = field(default_factory=Plan)

    def done(self, steps: int, spent_s: float) -> float:
        """Return the share of the training that lies behind, 0 to 1 or a little above."""
        if self.minutes is not None:
            return spent_s / (60.0 * self.minutes)
        return steps / self.steps

    def left_s(self, steps: int, spent_s: float, steps_per_s: float) -> float:
        """Return the time left, in seconds, at the present rate."""
        if self.minutes is not None:
            return max(0.0, 60.0 * self.minutes - spent_s)
        return max(0, self.steps - steps) / max(steps_per_s, 1e-9)

    def same_batches(self, other: dict[str, Any]) -> bool:
        """Whether a training begun by `other` can go on as this: only its length may differ."""
        own = self.to_json()
        return all(
            own[name] == other.get(name) for name in ("seed", "archive", "plan", "simulation")
        )

    def to_json(self) -> dict[str, Any]:
        """Return the recipe as JSON knows it."""
        return {**asdict(self), "archive": list(self.archive)}
