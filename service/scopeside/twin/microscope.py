"""The twin without its sockets: commands change it, exposures come out, and its clock goes on.

Nothing here knows the time of day: the same commands in the same order give the same frames, bit
for bit. Shapes: Y, X pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from scopeside.messages import UInt8, UInt16
from scopeside.twin.makeup import MAKEUPS, Kind
from scopeside.twin.optics import Beam, Optics
from scopeside.twin.specimen import Specimen
from scopeside.twin.stage import Stage
from scopeside.twin.truth import FrameTruth
from scopeside.twin.view import View

_STEPS_A_FIELD = 4
"""Steps in which the dose of a move is laid along its way, to a field of view."""
_MOST_STEPS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """A frame as the camera gives it, and its truth; `view` is where the stage says it lies."""

    number: int
    counts_YX: UInt16
    view: View
    dose_e_per_m2: float
    ended_s: float
    truth: FrameTruth


@dataclass(kw_only=True)
class Microscope:
    """A specimen on a stage under a beam.

    `fov_m` is the width of what a frame shows. The beam is `open` at first: it burns also while the
    stage moves and while a loop thinks, if that passes time. `front_lead_m` is how far behind the
    origin a front begins.
    """

    specimen_name: str = "mosaic"
    seed: int = 0
    optics: Optics = field(default_factory=Optics)
    fov_m: float = 13.7e-9
    dwell_s: float = 0.2
    front_lead_m: float = 0.0
    beam: Beam = "open"
    clock_s: float = field(default=0.0, init=False)
    electrons: float = field(default=0.0, init=False)
    """All that left the gun and was not blanked, on the film or beside it."""
    frames: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.specimen = Specimen(
            makeup=MAKEUPS[self.specimen_name], seed=self.seed, front_lead_m=self.front_lead_m
        )
        self.stage = Stage(seed=self.seed)

    def move(self, x_m: float, y_m: float) -> None:
        """Drive the stage to a place and let it settle; an open beam burns on the way."""
        travel_s = self.stage.seconds_to(x_m, y_m)
        from_x, from_y = self.stage.reading()
        distance_m = math.hypot(x_m - from_x, y_m - from_y)
        wanted = math.ceil(_STEPS_A_FIELD * distance_m / self.fov_m)
        steps = min(max(1, wanted), _MOST_STEPS)
        for step in range(1, steps + 1):
            share = step / steps
            self.stage.go(from_x + share * (x_m - from_x), from_y + share * (y_m - from_y))
            self.wait(travel_s / steps)
        self.wait(self.stage.settle_s)

    def wait(self, seconds: float) -> None:
        """Let time pass; an open beam exposes what is under it."""
        if self.beam == "open":
            self._burn(seconds)
        self.clock_s += seconds

    def expose(self, dwell_s: float | None = None) -> Exposure:
        """Return the next frame; the clock goes on by its exposure and its readout.

        A frame shows the specimen as it is in the middle of its exposure: dose falls on it before
        and after.
        """
        dwell_s = self.dwell_s if dwell_s is None else dwell_s
        lit = self.beam != "shut"
        self._expose_half(dwell_s, lit=lit)
        true_x, true_y = self.stage.true(self.clock_s)
        true_view = self.view(true_x, true_y)
        look = self.specimen.look(true_view, self.clock_s)
        number = self.frames
        rate_YX = self.optics.counts(self.fov_m, dwell_s) * look.bright_YX if lit else 0.0
        generator = np.random.default_rng((self.seed, 91, number))
        counts_YX = generator.poisson(
            np.maximum(rate_YX, 0.0) + self.optics.dark_counts, size=self.optics.shape
        )
        shown_s = self.clock_s
        self._expose_half(dwell_s, lit=lit)
        ended_s = self.clock_s
        dose_e_per_m2 = float(self.specimen.dose.at(true_view.x_X, true_view.y_Y).mean())
        truth = self._truth(number, true_view, look.kind_YX, shown_s, dose_e_per_m2)
        self.frames += 1
        self.wait(self.optics.readout_s)
        return Exposure(
            number=number,
            counts_YX=np.minimum(counts_YX, 65535).astype(np.uint16),
            view=self.view(*self.stage.reading()),
            dose_e_per_m2=dose_e_per_m2,
            ended_s=ended_s,
            truth=truth,
        )

    def view(self, x_m: float, y_m: float) -> View:
        """Return what a frame at a place would show, at the present magnification."""
        return View(
            shape=self.optics.shape, pixel_m=self.fov_m / self.optics.shape[1], x_m=x_m, y_m=y_m
        )

    def _expose_half(self, dwell_s: float, *, lit: bool) -> None:
        if lit:
            self._burn(0.5 * dwell_s)
        self.clock_s += 0.5 * dwell_s

    def _burn(self, seconds: float) -> None:
        electrons = self.optics.electrons_per_s * seconds
        height_m, width_m = self.optics.lit_m(self.fov_m)
        x_m, y_m = self.stage.true(self.clock_s)
        self.specimen.dose.expose(x_m, y_m, width_m=width_m, height_m=height_m, electrons=electrons)
        self.electrons += electrons

    def _truth(
        self, number: int, view: View, kind_YX: UInt8, clock_s: float, dose_e_per_m2: float
    ) -> FrameTruth:
        front = self.specimen.front
        ahead_m = behind = None
        if front is not None:
            ahead_YX = front.ahead(view, clock_s)
            behind = float(np.mean((ahead_YX < 0) & (kind_YX != Kind.VACUUM)))
            # The field of `ahead` has a slope of about one, so its mean about the middle is how far
            # the front is behind the middle.
            ahead_m = -float(ahead_YX.mean())
        return FrameTruth(
            frame=number,
            kind_YX=kind_YX,
            x_m=view.x_m,
            y_m=view.y_m,
            fov_m=self.fov_m,
            clock_s=clock_s,
            dose_e_per_m2=dose_e_per_m2,
            electrons=self.electrons,
            front_ahead_m=ahead_m,
            behind_front=behind,
        )
