"""Label maps: painted with the frame by the ids that the card guesses, or again by the host's.

Shape suffixes: Y, X frame pixels; N chips; K communities; A ids that are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from scopeside.clock import StageClock
from scopeside.device.answers import Answers
from scopeside.device.back import download, measure_all, measured
from scopeside.device.card import Card
from scopeside.device.lane import ASKED, Lane
from scopeside.device.lines import Lines
from scopeside.device.plan import Track
from scopeside.messages import ChipGrid, Identified, LabelMap, UInt16
from scopeside.stages.mixture import mixture_of
from scopeside_kernels.reference import Regions


@dataclass(frozen=True, slots=True, kw_only=True)
class Maps:
    """Pinned memory of a frame's label map, which is published as it is; `asked_A` are the ids by
    which its communities are measured, where it is painted with the frame."""

    labels_YX: Tensor
    confidence_YX: Tensor
    asked_A: UInt16 | None

    def label_map(self) -> LabelMap:
        return LabelMap(labels_YX=self.labels_YX.numpy(), confidence_YX=self.confidence_YX.numpy())


class Painting:
    """The end of every frame's way; `repainted` counts those whose ids were guessed wrong."""

    def __init__(self, card: Card, lines: Lines) -> None:
        self.repainted = 0
        self._card = card
        self._lines = lines

    def begun(self, track: Track, asked_A: UInt16 | None) -> Maps:
        """Fetch what is painted with the frame that was launched, once the host has been told."""
        lane = track.lane
        shape = tuple(lane.labels_YX.shape)
        maps = Maps(
            labels_YX=self._card.pinned(shape, lane.labels_YX.dtype),
            confidence_YX=self._card.pinned(shape, lane.confidence_YX.dtype),
            asked_A=asked_A,
        )
        if track.paints:
            line = self._lines.copy_out
            # The host cannot go on without what it is told, and the map is the larger of the two.
            line.after(lane.marks.told)
            with line.use():
                _fetch(lane, maps)
        return maps

    def finished(
        self,
        track: Track,
        maps: Maps,
        identified: Identified,
        told: Answers,
        grid: ChipGrid,
        clock: StageClock,
    ) -> tuple[LabelMap, Regions]:
        """Return the label map of a frame and what is measured on it, in the order of its ids."""
        lane, asked_A = track.lane, maps.asked_A
        ids_K = np.array([identity.id for identity in identified.identities], np.uint16)
        guessed_N = told.painted_N
        if asked_A is None or guessed_N is None or (guessed_N != identified.ids_N).any():
            asked_A = ids_K[:ASKED]
            self._paint(track, maps, identified, ids_K, told, grid, clock)
            self.repainted += track.paints
        lane.marks.downloaded.wait()
        if len(ids_K) <= ASKED:
            return maps.label_map(), measured(lane, np.flatnonzero(np.isin(asked_A, ids_K)))
        with self._lines.finish.use():
            return maps.label_map(), measure_all(lane, ids_K)

    def _paint(
        self,
        track: Track,
        maps: Maps,
        identified: Identified,
        ids_K: UInt16,
        told: Answers,
        grid: ChipGrid,
        clock: StageClock,
    ) -> None:
        """Paint by ids from the host."""
        lane, lines = track.lane, self._lines
        paint, mixture = track.back, None
        if len(ids_K) > ASKED:
            paint = track.back_divided
            with clock("labelmap"):
                mixture = mixture_of(identified.ids_N, told.looks, grid)
        lane.ids.put(identified.ids_N, ids_K[:ASKED], mixture=mixture)
        if track.paints:
            # The map that was guessed is on its way out of the memory that is painted on.
            lines.finish.after(lane.marks.downloaded)
        with lines.finish.use():
            lane.ids.upload()
            paint()
            # Not by `copy_out`, where the next frame's map, which is not painted yet, comes first.
            _fetch(lane, maps)


def _fetch(lane: Lane, maps: Maps) -> None:
    """Copy a label map, and what is measured on it, in the order of the line in use."""
    lane.marks.download_begun.set()
    download(lane, maps.labels_YX, maps.confidence_YX)
    lane.marks.downloaded.set()
