"""The end of a frame's way on the card: ids become a label map, and regions are measured.

Shape suffixes: Y, X frame pixels; K communities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from scopeside.device.groups import on_device
from scopeside.device.lane import Lane, in_order
from scopeside.device.votes import Surroundings, divide_votes
from scopeside.messages import Array
from scopeside_kernels.paint import paint
from scopeside_kernels.paint_tables import PaintTables
from scopeside_kernels.reference import Regions
from scopeside_kernels.regions import region_tensors, regions


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """What is launched once the ids of a lane's frame are on the card."""

    tables: PaintTables
    surroundings: Surroundings
    lane: Lane

    def launch(self) -> None:
        """Divide the votes of chips on borders, paint and measure; set the marks of both stages."""
        lane, ids = self.lane, self.lane.ids.there
        lane.marks.finish_begun.set()
        divide_votes(
            ids.ids_N,
            ids.asked_A,
            lane.rows_ND,
            lane.inverse_N,
            self.surroundings,
            second_N=ids.second_N,
            ballots_N=ids.ballots_N,
        )
        self._paint()

    def launch_divided(self) -> None:
        """The same for votes that the host has divided."""
        self.lane.marks.finish_begun.set()
        self._paint()

    def _paint(self) -> None:
        lane, ids, marks = self.lane, self.lane.ids.there, self.lane.marks
        paint(
            ids.ids_N,
            self.tables,
            second_N=ids.second_N,
            ballots_N=ids.ballots_N,
            labels_YX=lane.labels_YX,
            confidence_YX=lane.confidence_YX,
        )
        marks.last_stages["labelmap"].set()
        regions(lane.labels_YX, lane.confidence_YX, lane.frame_YX, ids.asked_A, out=lane.regions)
        marks.last_stages["regions"].set()


def download(lane: Lane, labels_YX: Tensor, confidence_YX: Tensor) -> None:
    """Copy what was launched into pinned memory, in the order of the line in use."""
    labels_YX.copy_(lane.labels_YX, non_blocking=True)
    confidence_YX.copy_(lane.confidence_YX, non_blocking=True)
    for here, there in lane.measured:
        here.copy_(there, non_blocking=True)


def measured(lane: Lane, rows_K: Array) -> Regions:
    """Return what was downloaded of communities, by their places among those asked for."""
    return _regions([here for here, _ in lane.measured], rows_K)


def measure_all(lane: Lane, ids_K: Array) -> Regions:
    """Measure more communities than a launch asks for, in the order of the line in use; waits."""
    device = lane.labels_YX.device
    room = region_tensors(
        len(ids_K),
        device=device,
        float_image=lane.frame_YX.dtype.is_floating_point,
        programs=len(lane.regions.counts_PQK),
    )
    asked = on_device(ids_K.astype(np.int32), device)
    regions(lane.labels_YX, lane.confidence_YX, lane.frame_YX, asked, out=room)
    return _regions([values.cpu() for values in in_order(room)], np.arange(len(ids_K)))


def _regions(values: Sequence[Tensor], rows_K: Array) -> Regions:
    # Copies, as rows that are chosen by number are: the memory is the next frame's soon.
    area, centroid, bbox, intensity, confidence = (each.numpy()[rows_K] for each in values)
    return Regions(
        area_px_K=area,
        centroid_K2=centroid,
        bbox_K4=bbox,
        mean_intensity_K=intensity,
        confidence_K=confidence,
    )
