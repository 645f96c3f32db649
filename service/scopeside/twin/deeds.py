"""What the twin does when it is asked: one method for each command of the channel."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from scopeside.errors import RequestError, ServiceError
from scopeside.messages import UInt8
from scopeside.twin.clock import Pace
from scopeside.twin.microscope import Exposure, Microscope
from scopeside.twin.outlet import Outlet
from scopeside.twin.requests import (
    Acquire,
    Blank,
    FieldOfView,
    Move,
    Request,
    Reset,
    Truth,
)
from scopeside.twin.truth import TruthBook, amorphous_share, fractions, titles
from scopeside.twin.view import View
from scopeside.wire.arrays import encode_array

_SLEEP_S = 0.05
"""Longest sleep between two looks at whether to stop."""


class Deeds:
    """The microscope, its clock, its frames and its truths, as the channel commands them.

    `speed` is how many times as fast as this world the twin's clock goes; None lets only commands
    move it. `keep` truths are held. `name_series` names a series that a reset does not name.
    """

    def __init__(
        self,
        microscope: Microscope,
        *,
        outlet: Outlet,
        speed: float | None,
        keep: int,
        series: str,
        stopped: Callable[[], bool],
    ) -> None:
        self._microscope = microscope
        self._outlet = outlet
        self._keep = keep
        self._pace = Pace(microscope, speed=speed)
        self._truths = TruthBook(keep)
        self._series = self._stem = series
        self._resets = 0
        self._stopped = stopped
        self._endless: Acquire | None = None
        self.stopping = False

    def do(self, request: Request) -> dict[str, Any]:
        """Do what is asked and return what to answer.

        Raises RequestError, and ServiceError where frames find no receiver.
        """
        self._pace.catch_up(request.waited_s)
        if isinstance(request, Move):
            self._microscope.move(request.x_m, request.y_m)
            return self._where()
        if isinstance(request, Acquire):
            return self._acquire(request)
        if isinstance(request, FieldOfView):
            self._microscope.fov_m = request.width_m
            return self._where()
        if isinstance(request, Blank):
            self._microscope.beam = request.beam
            return self._where()
        if isinstance(request, Truth):
            return self._truth(request)
        if isinstance(request, Reset):
            return self._reset(request)
        self.stopping = request.cmd == "stop"
        return self._state()

    def next_frame_in_s(self) -> float | None:
        """Return how long until the next frame of an endless acquisition is due; None for none."""
        return None if self._endless is None else self._pace.until(self._microscope.clock_s)

    def go_on(self) -> None:
        """Take the next frame of an endless acquisition, which a ServiceError ends."""
        if self._endless is None:
            return
        try:
            self._pace.catch_up(0.0)
            self._frame(self._endless.dwell_s)
        except ServiceError:
            self._endless = None
            raise

    def end(self) -> None:
        """End the series."""
        self._outlet.end()

    def _acquire(self, request: Acquire) -> dict[str, Any]:
        if request.frames == 0 and self._pace.stepped:
            raise RequestError(
                "bad_state",
                "A stepped twin takes as many frames as it is asked for: give a number, or start "
                "it with --speed 1.",
                request_id=request.id,
            )
        self._endless = request if request.frames == 0 else None
        first, taken = self._microscope.frames, 0
        while taken < request.frames and not self._stopped():
            self._frame(request.dwell_s)
            taken += 1
            self._pace.catch_up(0.0)
        return {"first": first, "frames": taken} | self._where()

    def _frame(self, dwell_s: float | None) -> None:
        microscope = self._microscope
        if self._outlet.series is None:
            pixel_m = microscope.fov_m / microscope.optics.shape[1]
            self._outlet.begin(self._series, pixel_m=pixel_m)
        exposure = microscope.expose(dwell_s)
        self._truths.keep(exposure.truth)
        self._sleep_until(exposure.ended_s)
        self._outlet.send(
            exposure, t_ns=self._pace.stamp_ns(exposure.ended_s), user=self._user(exposure)
        )

    def _sleep_until(self, clock_s: float) -> None:
        while (left_s := self._pace.until(clock_s)) > 0 and not self._stopped():
            time.sleep(min(left_s, _SLEEP_S))

    def _user(self, exposure: Exposure) -> dict[str, object]:
        return {
            "fov_m": self._microscope.fov_m,
            "beam": self._microscope.beam,
            "clock_s": exposure.ended_s,
            "electrons": exposure.truth.electrons,
        }

    def _reset(self, request: Reset) -> dict[str, Any]:
        self._outlet.end()
        before = self._microscope
        self._resets += 1
        self._series = request.series or f"{self._stem[:100]}-{self._resets}"
        self._microscope = Microscope(
            specimen_name=request.specimen or before.specimen_name,
            seed=before.seed if request.seed is None else request.seed,
            optics=replace(before.optics),
            fov_m=before.fov_m,
            dwell_s=before.dwell_s,
            front_lead_m=request.front_lead_m,
        )
        self._endless = None
        self._truths = TruthBook(self._keep)
        self._pace = Pace(self._microscope, speed=self._pace.speed)
        return self._state()

    def _where(self) -> dict[str, Any]:
        """What every command answers: the clock, the stage's reading, the beam and the dose."""
        microscope = self._microscope
        x_m, y_m = microscope.stage.reading()
        return {
            "series": self._series,
            "clock_s": microscope.clock_s,
            "stage": {"x_m": x_m, "y_m": y_m},
            "fov_m": microscope.fov_m,
            "beam": microscope.beam,
            "electrons": microscope.electrons,
        }

    def _state(self) -> dict[str, Any]:
        microscope = self._microscope
        return self._where() | {
            "specimen": microscope.specimen_name,
            "seed": microscope.seed,
            "extent_m": microscope.specimen.makeup.extent_m,
            "shape": list(microscope.optics.shape),
            "dwell_s": microscope.dwell_s,
            "electrons_per_s": microscope.optics.electrons_per_s,
            "frames": microscope.frames,
            "electrons_on_film": microscope.specimen.dose.electrons,
            "highest_dose_e_per_m2": microscope.specimen.dose.highest_e_per_m2,
            "speed": self._pace.speed,
            "acquiring": self._endless is not None,
        }

    def _truth(self, request: Truth) -> dict[str, Any]:
        kinds = {"kinds": {str(label): title for label, title in titles().items()}}
        if request.frame is None:
            return kinds | self._specimen_truth(request)
        truth = self._truths.of(request.frame)
        answer = kinds | {
            "frame": truth.frame,
            "stage": {"x_m": truth.x_m, "y_m": truth.y_m},
            "fov_m": truth.fov_m,
            "clock_s": truth.clock_s,
            "dose_e_per_m2": truth.dose_e_per_m2,
            "electrons": truth.electrons,
            "fractions": truth.fractions,
            "amorphous": truth.amorphous,
            "front_ahead_m": truth.front_ahead_m,
            "behind_front": truth.behind_front,
        }
        return answer | (_labels(truth.kind_YX) if request.labels else {})

    def _specimen_truth(self, request: Truth) -> dict[str, Any]:
        """What the specimen is now, in a square about the origin."""
        microscope = self._microscope
        width_m = request.width_m or microscope.specimen.makeup.extent_m
        view = View(
            shape=(request.pixels, request.pixels),
            pixel_m=width_m / request.pixels,
            x_m=0.0,
            y_m=0.0,
        )
        kind_YX = microscope.specimen.kinds(view, microscope.clock_s)
        x_m, y_m = microscope.stage.true(microscope.clock_s)
        front = microscope.specimen.front
        answer = {
            "frame": None,
            "clock_s": microscope.clock_s,
            "stage": {"x_m": x_m, "y_m": y_m},
            "width_m": width_m,
            "fractions": fractions(kind_YX),
            "amorphous": amorphous_share(kind_YX),
            "front_m": None if front is None else front.travelled_m(microscope.clock_s),
            "front_angle_rad": None if front is None else math.remainder(front.angle_rad, math.tau),
        }
        return answer | (_labels(kind_YX) if request.labels else {})


def _labels(kind_YX: UInt8) -> dict[str, Any]:
    return {"labels": encode_array(kind_YX)}
