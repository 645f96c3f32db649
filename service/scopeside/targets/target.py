"""One point to visit, and the ways of choosing it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

PixelToStage = tuple[tuple[float, float, float], tuple[float, float, float]]

Strategy = Literal["interior", "boundary", "random", "high_confidence", "low_confidence", "novelty"]
"""`interior`: centres of the largest inscribed circles, the largest first. `boundary`: the middle
of the longest border to other communities. `random`: any pixel, drawn by `seed`.
`high_confidence`, `low_confidence`: where the label is surest, or least sure. `novelty`: where
`novelty_YX` is highest."""

STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A pixel of `community`, given by its centre; `y_px` counts down from the frame's top.

    `region` numbers the community's connected regions (pixels that share a side) from 1, in the
    order of their first pixels. `clearance_px` is the distance to the nearest pixel of anything
    else, with the frame's surroundings counting as something else; it is exact. `confidence` is
    0 to 1, None where the label map came without. `stage_m` is `(x, y)` in metres, None where
    nothing relates pixels to the stage.
    """

    community: int
    y_px: float
    x_px: float
    region: int
    clearance_px: float
    confidence: float | None
    stage_m: tuple[float, float] | None


def to_stage(pixel_to_stage: PixelToStage, y_px: float, x_px: float) -> tuple[float, float]:
    """Return `(x, y)` on the stage, in metres, of a place in the frame."""
    (a, b, c), (d, e, f) = pixel_to_stage
    return a * x_px + b * y_px + c, d * x_px + e * y_px + f
