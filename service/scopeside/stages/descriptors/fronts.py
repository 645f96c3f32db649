"""Fronts between communities, followed from frame to frame.

Shape suffix: T frames that are remembered.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from statistics import median

from scopeside.messages import ChipGrid, Frame, Front, LabelMap
from scopeside.stages.descriptors.boundary import boundaries
from scopeside.stages.descriptors.line import ALIGNED, Line, Vector, along, open_lines

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
    middle: Vector


@dataclass(slots=True)
class _Track:
    """One pair's front so far: the normal that positions are along, where it was, when last."""

    normal: Vector
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
        if track is None or along(track.normal, line.normal) < ALIGNED:
            # What faces another way is another front of the same pair.
            track = self._tracks[pair] = _Track(_snapped(line.normal), self._frames)
        elif along(track.normal, line.normal) < math.cos(HOLD_RAD):
            track.normal = _snapped(line.normal)
        track.last_seen = self._frames
        track.sights.append(_Sight(frame.number, frame.t_ns, line.middle))
        return _front(pair, line, track, frame.pixel_size_m)


def _front(
    pair: tuple[int, int], line: Line, track: _Track, pixel_size_m: tuple[float, float] | None
) -> Front:
    normal, sights = track.normal, track.sights
    along_T = [along(normal, sight.middle) for sight in sights]
    per_frame = _slope([float(sight.number) for sight in sights], along_T)
    per_s = _slope([1e-9 * (sight.t_ns - sights[0].t_ns) for sight in sights], along_T)
    # Along the normal in metres, which another size of pixels along y and x turns, too.
    metres = None
    if pixel_size_m is not None:
        metres = 1.0 / math.hypot(normal[0] / pixel_size_m[0], normal[1] / pixel_size_m[1])
    position_px = along_T[-1]
    y_px, x_px = line.middle
    return Front(
        between=pair,
        y_px=y_px,
        x_px=x_px,
        position_px=position_px,
        position_m=None if metres is None else position_px * metres,
        speed_px_per_s=per_s,
        speed_m_per_s=None if metres is None or per_s is None else per_s * metres,
        speed_px_per_frame=per_frame,
        roughness_px=line.roughness_px,
        length_px=line.length_px,
        normal=normal,
    )


def _nearest(lines: Sequence[Line], track: _Track) -> Line:
    """Return the line that lies where the track was; lines that face another way come last.

    Crumbs, less than half as long as the longest line, are nobody's front.
    """
    normal, before_px = track.normal, along(track.normal, track.sights[-1].middle)
    lines = [line for line in lines if line.length_px >= 0.5 * lines[0].length_px]

    def away(line: Line) -> tuple[bool, float]:
        turned = along(normal, line.normal) < ALIGNED
        return turned, abs(along(normal, line.middle) - before_px)

    return min(lines, key=away)


def _snapped(normal: Vector) -> Vector:
    """Return the axis of the frame that a normal lies near, or the normal itself."""
    y, x = normal
    axis = (math.copysign(1.0, y), 0.0) if abs(y) > abs(x) else (0.0, math.copysign(1.0, x))
    return axis if along(axis, normal) >= math.cos(SNAP_RAD) else normal


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
