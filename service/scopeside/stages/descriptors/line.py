"""The straight line through an open boundary, and how far the boundary strays from it.

Shape suffixes: E edges; 2 is `(y, x)`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scopeside.stages.descriptors.boundary import Piece

Float64 = NDArray[np.float64]
Vector = tuple[float, float]

OPEN = 0.5
"""Least straightness of a piece that is a front: an arc of 217 degrees. What is closed further is
an island, which has no position along a line."""
ALIGNED = 0.7
"""Least cosine between the normals of two pieces of one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A fitted front: its middle, the unit normal from the first community to the second, the root
    mean square deviation from it, and its length along the boundary. Places are `(y, x)`."""

    middle: Vector
    normal: Vector
    roughness_px: float
    length_px: float


def along(normal: Vector, place: Vector | Float64) -> float:
    """Return how far along a direction a place lies."""
    return normal[0] * float(place[0]) + normal[1] * float(place[1])


def open_lines(pieces: Sequence[Piece], *, within_px: float) -> list[Line]:
    """Return the lines of the open pieces, longest first.

    Pieces that a third community has cut apart are one line again: those that face the same way
    and lie `within_px` of the line of a longer one.
    """
    left = sorted(
        (piece for piece in pieces if piece.straightness >= OPEN),
        key=lambda piece: -piece.length_px,
    )
    lines = []
    while left:
        line = _fit(left[:1])
        joined = [piece for piece in left[1:] if _continues(piece, line, within_px)]
        if joined:
            line = _fit([left[0], *joined])
        lines.append(line)
        left = [piece for piece in left[1:] if not any(piece is other for other in joined)]
    return sorted(lines, key=lambda line: -line.length_px)


def _continues(piece: Piece, line: Line, within_px: float) -> bool:
    chord_2 = piece.chord_2 / np.hypot(*piece.chord_2)
    away_px = along(line.normal, piece.point_E2.mean(axis=0)) - along(line.normal, line.middle)
    return along(line.normal, chord_2) >= ALIGNED and abs(away_px) <= within_px


def _fit(pieces: Sequence[Piece]) -> Line:
    """Fit a line by total least squares; every length across the front counts alike.

    An edge counts by how far it faces along the normal, so that the height of the front is averaged
    along the line and not along its own detours.
    """
    point_E2, normal_E2 = pieces[0].point_E2, pieces[0].normal_E2
    if len(pieces) > 1:
        point_E2 = np.concatenate([piece.point_E2 for piece in pieces])
        normal_E2 = np.concatenate([piece.normal_E2 for piece in pieces])
    chord_2 = np.sum([piece.chord_2 for piece in pieces], axis=0)
    chord_2 /= math.hypot(*chord_2)
    weight_E = np.abs(normal_E2 @ chord_2)
    weight_E /= weight_E.sum()
    middle_2 = weight_E @ point_E2
    away_E2 = point_E2 - middle_2
    y_E, x_E = away_E2[:, 0], away_E2[:, 1]
    weighted_y_E = weight_E * y_E
    yy, yx, xx = weighted_y_E @ y_E, weighted_y_E @ x_E, (weight_E * x_E) @ x_E
    # The long axis of inertia; the normal is at right angles to it.
    angle = 0.5 * math.atan2(2.0 * yx, xx - yy)
    normal_2 = np.array([math.cos(angle), -math.sin(angle)])
    normal_2 *= math.copysign(1.0, normal_2 @ chord_2)
    # A short front that strays far has no long axis: its ends say which way it faces.
    if not normal_2 @ chord_2 >= ALIGNED:
        normal_2 = chord_2
    return Line(
        middle=(float(middle_2[0]), float(middle_2[1])),
        normal=(float(normal_2[0]), float(normal_2[1])),
        roughness_px=float(np.sqrt(weight_E @ np.square(away_E2 @ normal_2))),
        length_px=sum(piece.length_px for piece in pieces),
    )
