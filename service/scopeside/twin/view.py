"""What of the specimen a frame shows: the places of its pixels.

Shapes: Y, X pixels. Lengths are metres on the specimen; x grows along a row, y down the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scopeside.twin.hashing import Float64


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A frame of `shape` pixels of `pixel_m`, its middle at `(x_m, y_m)`."""

    shape: tuple[int, int]
    pixel_m: float
    x_m: float
    y_m: float

    @property
    def x_X(self) -> Float64:
        return self._places(self.x_m, self.shape[1])

    @property
    def y_Y(self) -> Float64:
        return self._places(self.y_m, self.shape[0])

    @property
    def pixel_to_stage(self) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        """The affine map of the wire contract, from `(col, row)` to metres."""
        return (
            (self.pixel_m, 0.0, float(self.x_X[0])),
            (0.0, self.pixel_m, float(self.y_Y[0])),
        )

    def _places(self, middle_m: float, count: int) -> Float64:
        steps = np.arange(count, dtype=np.float64) - 0.5 * (count - 1)
        return np.asarray(middle_m + self.pixel_m * steps, np.float64)
