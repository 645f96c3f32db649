"""Identified chips -> label map and communities: what every pixel is, and where things lie.

Shape suffix: Y, X frame pixels; K communities.
"""

from __future__ import annotations

import math
from collections import OrderedDict

import numpy as np

from scopeside.messages import ChipGrid, Community, Frame, Identified, LabelMap, Mixture
from scopeside_kernels.reference import PaintPlan, Regions, paint_plan, plan_paint, regions

PLANNED_GRIDS = 4
"""Chip grids whose plan is kept, so that detectors which take turns plan once each."""

PixelToStage = tuple[tuple[float, float, float], tuple[float, float, float]]


class LabelMapper:
    """Paints chips as pixels and measures what was painted; keeps plans, and no frame."""

    def __init__(self) -> None:
        self._plans: OrderedDict[ChipGrid, PaintPlan] = OrderedDict()

    def paint(self, identified: Identified, mixture: Mixture, grid: ChipGrid) -> LabelMap:
        """Label every pixel by the votes of the chips over it, those near their middle foremost."""
        labels_YX, confidence_YX = paint_plan(
            identified.ids_N,
            self._plan(grid),
            second_N=mixture.second_N,
            ballots_N=mixture.ballots_N,
        )
        return LabelMap(labels_YX=labels_YX, confidence_YX=confidence_YX)

    def communities(
        self, label_map: LabelMap, identified: Identified, frame: Frame
    ) -> tuple[Community, ...]:
        """Measure every community that has a pixel; see `communities_of`."""
        labels_YX = label_map.labels_YX
        ids_K = np.array([identity.id for identity in identified.identities], np.uint16)
        found = regions(labels_YX, label_map.confidence_YX, frame.image_YX, ids_K)
        labelled_px = int(np.count_nonzero(labels_YX))
        return communities_of(found, identified, frame, labelled_px=labelled_px)

    def _plan(self, grid: ChipGrid) -> PaintPlan:
        plan = self._plans.get(grid)
        if plan is None:
            plan = plan_paint(grid.y0_R, grid.x0_C, grid.chip_px, grid.shape)
            self._plans[grid] = plan
            if len(self._plans) > PLANNED_GRIDS:
                self._plans.popitem(last=False)
        self._plans.move_to_end(grid)
        return plan


def communities_of(
    found: Regions, identified: Identified, frame: Frame, *, labelled_px: int
) -> tuple[Community, ...]:
    """Describe what was measured, in the order of `identified.identities`.

    A community outvoted on all of its pixels has no place in the frame and is left out.
    `mean_intensity` is in the frame's own units, over finite pixels, and 0 where there are
    none; `fraction` is of labelled pixels; `stage_m` needs the frame's `pixel_to_stage`.
    """
    communities = []
    for k, identity in enumerate(identified.identities):
        area_px = int(found.area_px_K[k])
        if area_px == 0:
            continue
        y_px, x_px = found.centroid_K2[k].tolist()
        y0, x0, y1, x1 = found.bbox_K4[k].tolist()
        mean_intensity = float(found.mean_intensity_K[k])
        communities.append(
            Community(
                identity=identity,
                area_px=area_px,
                fraction=area_px / labelled_px,
                centroid_px=(y_px, x_px),
                bbox_px=(y0, x0, y1, x1),
                stage_m=_stage_position(frame.pixel_to_stage, y_px, x_px),
                mean_intensity=mean_intensity if math.isfinite(mean_intensity) else 0.0,
                confidence=float(found.confidence_K[k]),
            )
        )
    return tuple(communities)


def _stage_position(
    pixel_to_stage: PixelToStage | None, y_px: float, x_px: float
) -> tuple[float, float] | None:
    """Stage coordinates `(x, y)` in metres of a place in the frame."""
    if pixel_to_stage is None:
        return None
    (a, b, c), (d, e, f) = pixel_to_stage
    return a * x_px + b * y_px + c, d * x_px + e * y_px + f
