"""Fronts between communities, followed from frame to frame.

Shape suffixes: T frames that are remembered; 2 is `(y, x)`.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from statistics import median

import numpy as np
from numpy.typing import NDArray

from scopeside.messages import ChipGrid, Frame, Front, LabelMap
from scopeside.stages.descriptors.boundary import boundaries
from scopeside.stages.descriptors.line import ALIGNED, Line, open_lines

Float64 = NDArray[np.float64]

REMEMBERED = 8
"""Frames that a speed is found from, with the newest. A front unseen for as many is forgotten."""
SNAP_RAD = math.radians(10.0)
"""A front that faces along an axis of the frame to within this is taken to face along it: its
position is then the mean column or row, and does not swing with the fit."""
HOLD_RAD = math.radians(15.0)
"""How far the fit may turn away from the normal that positions are measured along."""


@dataclass(frozen=True, slots=True)
class _Sight:
    number: int
    t_ns: int
    middle_2: Float64


@dataclass(slots=True)
class _Track:
    """One pair's front so far: the normal that positions are along, where it was, when last."""

    normal_2: Float64
    last_seen: int
    sights: deque[_Sight] = field(default_factory=lambda: deque(maxlen=REMEMBERED))


class FrontTracker:
    """Finds the front of each pair of communities and remembers where it was.

    Of several fronts of one pair the longest is followed, and then the one nearest to where it
    was. The answer depends on the frames and their times alone.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all fronts, as with every new series."""
        self._tracks: dict[tuple[int, int], _Track] = {}
        self._frames = 0

    def find(self, label_map: LabelMap, frame: Frame, grid: ChipGrid) -> tuple[Front, ...]:
        """Return the fronts of a frame in the order of their pairs.

        A boundary shorter than a chip is none: no chip can show its direction.
        """
        self._frames += 1
        least_px = float(min(grid.chip_px, *grid.shape))
        fronts = []
        for pair, pieces in boundaries(label_map.labels_YX, least_px=least_px):
            lines = open_lines(pieces, within_px=grid.chip_px)
            if lines:
                fronts.append(self._followed(pair, lines, frame))
        self._tracks = {
            pair: track
            for pair, track in self._tracks.items()
            if self._frames - track.last_seen < REMEMBERED
        }
        return tuple(fronts)

    def _followed(self, pair: tuple[int, int], lines: Sequence[Line], frame: Frame) -> Front:
        track = self._tracks.get(pair)
        line = lines[0] if track is None else _nearest(lines, track)
        if track is None or track.normal_2 @ line.normal_2 < ALIGNED:
            # What faces another way is another front of the same pair.
            track = self._tracks[pair] = _Track(_snapped(line.normal_2), self._frames)
        elif track.normal_2 @ line.normal_2 < math.cos(HOLD_RAD):
            track.normal_2 = _snapped(line.normal_2)
        track.last_seen = self._frames
        track.sights.append(_Sight(frame.number, frame.t_ns, line.middle_2))
        return _front(pair, line, track, frame.pixel_size_m)


def _front(
    pair: tuple[int, int], line: Line, track: _Track, pixel_size_m: tuple[float, float] | None
) -> Front:
    normal_2 = track.normal_2
    sights = track.sights
    along_T = [float(normal_2 @ sight.middle_2) for sight in sights]
    per_frame = _slope([float(sight.number) for sight in sights], along_T)
    per_s = _slope([1e-9 * (sight.t_ns - sights[0].t_ns) for sight in sights], along_T)
    # Along the normal in metres, which another size of pixels along y and x turns, too.
    metres = None
    if pixel_size_m is not None:
        metres = 1.0 / math.hypot(*(normal_2 / np.array(pixel_size_m)))
    position_px = along_T[-1]
    return Front(
        between=pair,
        position_px=position_px,
        position_m=None if metres is None else position_px * metres,
        speed_px_per_s=per_s,
        speed_m_per_s=None if metres is None or per_s is None else per_s * metres,
        speed_px_per_frame=per_frame,
        roughness_px=line.roughness_px,
        length_px=line.length_px,
        normal=(float(normal_2[0]), float(normal_2[1])),
    )


def _nearest(lines: Sequence[Line], track: _Track) -> Line:
    """Return the line that lies where the track was; lines that face another way come last.

    Crumbs, less than half as long as the longest line, are nobody's front.
    """
    before_2, normal_2 = track.sights[-1].middle_2, track.normal_2
    lines = [line for line in lines if line.length_px >= 0.5 * lines[0].length_px]

    def away(line: Line) -> tuple[bool, float]:
        turned = bool(line.normal_2 @ normal_2 < ALIGNED)
        return turned, abs(float(normal_2 @ (line.middle_2 - before_2)))

    return min(lines, key=away)


def _snapped(normal_2: Float64) -> Float64:
    """Return the axis of the frame that a normal lies near, or the normal itself."""
    axis_2 = np.where(np.abs(normal_2) == np.abs(normal_2).max(), np.sign(normal_2), 0.0)
    near = float(axis_2 @ normal_2) >= math.cos(SNAP_RAD)
    return axis_2 if near else normal_2


def _slope(x_T: Sequence[float], y_T: Sequence[float]) -> float | None:
    """Return the median slope of all pairs of points, None where x does not go on.

    Right while less than 29 % of the frames are wrong (Theil, Proc. K. Ned. Akad. Wet. 53, 386,
    1950; Sen, J. Am. Stat. Assoc. 63, 1379, 1968).
    """
    slopes = [
        (y1 - y0) / (x1 - x0)
        for (x0, y0), (x1, y1) in combinations(zip(x_T, y_T, strict=True), 2)
        if x1 > x0
    ]
    return median(slopes) if slopes else None
