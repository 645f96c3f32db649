"""A stage with play in its drive, that takes its time and creeps.

Where the stage says it is and where the specimen is are two things: the first is what the drive was
told, the second has the play and the drift in it, and only the truth knows it. Lengths are metres.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

_DRIFT_WAVES = 6
_DRIFT_PERIOD_S = (40.0, 600.0)


@dataclass(slots=True, kw_only=True)
class Axis:
    """One axis with backlash: the load stays where it is until the drive has taken up the play."""

    play_m: float
    drive_m: float = 0.0
    load_m: float = 0.0

    def go(self, drive_m: float) -> None:
        """Drive to a place; the load follows at half the play's distance, as a nut on a screw."""
        half_m = 0.5 * self.play_m
        self.drive_m = drive_m
        self.load_m = min(max(self.load_m, drive_m - half_m), drive_m + half_m)


@dataclass(slots=True, kw_only=True)
class Stage:
    """Two axes with one drift; time is the twin's clock.

    The defaults are of a piezo stage: half a nanometre of play, a micrometre a second, a quarter of
    a second until vibrations have died away, and some hundredths of a nanometre of drift a second.
    """

    seed: int
    play_m: float = 0.5e-9
    speed_m_per_s: float = 1.0e-6
    settle_s: float = 0.25
    drift_m_per_s: float = 0.02e-9
    x: Axis = field(init=False)
    y: Axis = field(init=False)
    _waves: tuple[np.ndarray, np.ndarray, np.ndarray] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.x = Axis(play_m=self.play_m)
        self.y = Axis(play_m=self.play_m)
        generator = np.random.default_rng((self.seed, 90))
        period_W = np.geomspace(*_DRIFT_PERIOD_S, _DRIFT_WAVES)
        weight_AW = generator.standard_normal((2, _DRIFT_WAVES)) / np.sqrt(_DRIFT_WAVES)
        phase_AW = generator.uniform(0.0, 2.0 * np.pi, (2, _DRIFT_WAVES))
        self._waves = (period_W, weight_AW, phase_AW)

    def seconds_to(self, x_m: float, y_m: float) -> float:
        """Return how long a move takes, without settling: a straight line at constant speed."""
        return math.hypot(x_m - self.x.drive_m, y_m - self.y.drive_m) / self.speed_m_per_s

    def go(self, x_m: float, y_m: float) -> None:
        """Drive both axes to a place."""
        self.x.go(x_m)
        self.y.go(y_m)

    def reading(self) -> tuple[float, float]:
        """Return where the stage says it is, `(x, y)`."""
        return self.x.drive_m, self.y.drive_m

    def true(self, clock_s: float) -> tuple[float, float]:
        """Return which place of the specimen is under the beam, `(x, y)`."""
        x_m, y_m = self.drift(clock_s)
        return self.x.load_m + x_m, self.y.load_m + y_m

    def drift(self, clock_s: float) -> tuple[float, float]:
        """Return how far the specimen has crept since the clock began.

        A sum of slow waves, whose mean speed is `drift_m_per_s`: smooth, and bounded however long
        an experiment goes on.
        """
        period_W, weight_AW, phase_AW = self._waves
        swing_W = self.drift_m_per_s * period_W / (2.0 * np.pi) * np.sqrt(2.0)
        angle_AW = 2.0 * np.pi * clock_s / period_W + phase_AW
        x_m, y_m = (swing_W * weight_AW * (np.sin(angle_AW) - np.sin(phase_AW))).sum(axis=1)
        return float(x_m), float(y_m)
