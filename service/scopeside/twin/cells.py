"""Things strewn over a plane without end: grains, and discs such as particles and holes.

One centre lies in each square of a grid, at a place that is hashed from the square, so a view needs
only the squares near it. Shapes: Y, X points; lengths are metres.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scopeside.messages import Int64
from scopeside.twin.hashing import Float64, uniform

Radius = Callable[[Int64, Int64], Float64]

_ROOM = 0.8
"""Share of a square in which its centre lies: with more, the nearest centre could be two squares
away, which is not looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """The square of the nearest centre of every point, and how far away that centre is."""

    i_YX: Int64
    j_YX: Int64
    distance_YX: Float64


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """A centre in each square of side `pitch_m`; the cells of all centres are Voronoi's."""

    seed: int
    salt: int
    pitch_m: float

    def centre(self, i: Int64, j: Int64) -> tuple[Float64, Float64]:
        """Return where the centres of squares lie, `(x, y)`."""
        edge = 0.5 * (1.0 - _ROOM)
        x = i + edge + _ROOM * uniform(self.seed, self.salt, i, j)
        y = j + edge + _ROOM * uniform(self.seed, self.salt + 1, i, j)
        return self.pitch_m * x, self.pitch_m * y

    def number(self, use: int, i: Int64, j: Int64) -> Float64:
        """Return a number in [0, 1) that belongs to each square, another for each `use`."""
        return uniform(self.seed, self.salt + 2 + use, i, j)

    def nearest(self, x_YX: Float64, y_YX: Float64, *, radius: Radius | None = None) -> Nearest:
        """Return the nearest centre of every point; with `radius`, the nearest disc's edge.

        The distance to a disc's edge is negative inside. The radius of a disc is a function of its
        square and is never more than half a pitch.
        """
        i_YX = np.floor(x_YX / self.pitch_m).astype(np.int64)
        j_YX = np.floor(y_YX / self.pitch_m).astype(np.int64)
        i0, j0 = int(i_YX.min()) - 1, int(j_YX.min()) - 1
        i_J, j_J = np.meshgrid(
            np.arange(i0, i_YX.max() + 2), np.arange(j0, j_YX.max() + 2), indexing="xy"
        )
        centre_x, centre_y = self.centre(i_J, j_J)
        reach = None if radius is None else radius(i_J, j_J)
        best = Nearest(i_YX=i_YX.copy(), j_YX=j_YX.copy(), distance_YX=np.full(x_YX.shape, np.inf))
        for dj in (-1, 0, 1):
            for di in (-1, 0, 1):
                at = (j_YX + (dj - j0), i_YX + (di - i0))
                far = np.hypot(x_YX - centre_x[at], y_YX - centre_y[at])
                if reach is not None:
                    far -= reach[at]
                closer = far < best.distance_YX
                np.copyto(best.i_YX, i_YX + di, where=closer)
                np.copyto(best.j_YX, j_YX + dj, where=closer)
                np.copyto(best.distance_YX, far, where=closer)
        return best
