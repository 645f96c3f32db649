"""What the demo's subscriber keeps of a run: figures of every frame, pictures of a few."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scopeside.client.result import Result, ResultFront
from scopeside.film_evaluation import FilmEvaluation
from scopeside.latency import LatencyLog
from scopeside.messages import Array, Float32
from scopeside.view.contact_sheet import Share, Tile
from scopeside.view.overlay import Color, grey, overlay, with_front
from scopeside.wire.incoming import FrameMessage

HELD_BYTES = 256 * 2**20
"""Frames held until their result comes; older ones go first."""

PICTURES = 6
"""Frames on the contact sheet, evenly spread over the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFigures:
    """One segmented frame; fractions and descriptors by community id."""

    frame: int
    dose_e_per_m2: float | None
    service_s: float
    end_to_end_s: float | None
    stages_s: Mapping[str, float]
    resolution: float
    fractions: Mapping[int, float]
    descriptors: Mapping[int, Mapping[str, float | None]]
    fronts: tuple[ResultFront, ...]


class Gathering:
    """Takes in frames and results of one series in the order in which they come."""

    def __init__(self, *, series: str, frames: int | None) -> None:
        self.series = series
        self.figures: list[FrameFigures] = []
        self.tiles: list[Tile] = []
        self.titles: dict[int, str] = {}
        self.colors: dict[int, Color] = {}
        self.latency = LatencyLog()
        self.film = FilmEvaluation()
        self.last: Result | None = None
        self._wanted = _spread(frames)
        self._images: OrderedDict[int, Array] = OrderedDict()
        self._held_bytes = 0
        self._doses: dict[int, float] = {}

    def frame(self, message: FrameMessage) -> None:
        """Hold a frame until its result comes."""
        if message.series != self.series:
            return
        if message.dose_e_per_m2 is not None:
            self._doses[message.number] = message.dose_e_per_m2
        image_YX = message.channels[0].values
        if message.number in self._images:
            return
        self._images[message.number] = image_YX
        self._held_bytes += image_YX.nbytes
        while self._held_bytes > HELD_BYTES and len(self._images) > 1:
            _, dropped_YX = self._images.popitem(last=False)
            self._held_bytes -= dropped_YX.nbytes

    def result(self, result: Result) -> None:
        """Note the figures, score against the truth where there is one, draw where wanted."""
        if result.series != self.series:
            return
        self.last = result
        dose = self._doses.get(result.frame)
        self.latency.add(result.timing)
        for entry in result.communities:
            self.titles[entry.id], self.colors[entry.id] = entry.title, entry.color
        self.figures.append(
            FrameFigures(
                frame=result.frame,
                dose_e_per_m2=dose,
                service_s=result.timing.service_s,
                end_to_end_s=result.timing.end_to_end_s,
                stages_s=result.timing.stages_s,
                resolution=float(result.graph["resolution"]),
                fractions={entry.id: entry.fraction for entry in result.communities},
                descriptors={entry.id: entry.descriptors for entry in result.communities},
                fronts=result.fronts,
            )
        )
        front_px_Y = true_front(result)
        if front_px_Y is not None:
            self.film.add(
                frame=result.frame,
                labels_YX=result.labels_YX,
                front_px_Y=front_px_Y,
                dose_e_per_m2=dose,
            )
        self._draw(result, front_px_Y, dose)
        self._forget_before(result.frame)

    def _draw(self, result: Result, front_px_Y: Float32 | None, dose: float | None) -> None:
        """Make a tile of the first frame at or after each wanted one."""
        image_YX = self._images.get(result.frame)
        if image_YX is None or not self._wanted or result.frame < self._wanted[0]:
            return
        self._wanted = [number for number in self._wanted if number > result.frame]
        colors = {entry.id: entry.color for entry in result.communities}
        grey_YX = grey(image_YX)
        coloured = overlay(grey_YX, result.labels_YX, colors, outline_px=2)
        if front_px_Y is not None:
            coloured = with_front(coloured, front_px_Y, width_px=3)
        title = f"frame {result.frame}"
        if dose is not None:
            title += f"   dose {dose:.2g} e⁻/m²"
        shares = [
            Share(id=entry.id, color=entry.color, fraction=entry.fraction)
            for entry in sorted(result.communities, key=lambda entry: entry.id)
        ]
        pictures = [np.repeat(grey_YX[:, :, None], 3, axis=2), coloured]
        self.tiles.append(Tile(pictures=pictures, title=title, shares=shares))

    def _forget_before(self, frame: int) -> None:
        for number in [number for number in self._images if number <= frame]:
            self._held_bytes -= self._images.pop(number).nbytes


def true_front(result: Result) -> Float32 | None:
    """Return the front's column in each row, as `scopeside simulate` puts it into `user`."""
    truth: Any = result.user.get("truth") if isinstance(result.user, dict) else None
    raw = truth.get("front_px") if isinstance(truth, dict) else None
    if not isinstance(raw, bytes) or len(raw) != 4 * result.labels_YX.shape[0]:
        return None
    return np.frombuffer(raw, dtype="<f4").astype(np.float32)


def _spread(frames: int | None) -> list[int]:
    """Return the frames to show, from 5 % to 95 % of the run: at its ends little is to be seen."""
    last = max(1, frames or 1) - 1
    return sorted({round(last * (0.05 + 0.9 * i / (PICTURES - 1))) for i in range(PICTURES)})
