"""A frame's way on the card up to its ids: launches only, nobody waits for anything.

Shape suffixes: N chips; D features; T tiles of B chips; F = D features of a program's output.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from scopeside.device.contrast import Held, find_contrast
from scopeside.device.groups import KEPT, sum_groups, weigh_groups
from scopeside.device.guess import guess_ids
from scopeside.device.lane import Lane
from scopeside.device.pixels import FrameKind
from scopeside.settings import GraphSettings, PreprocessSettings
from scopeside.stages.embed.encoder import DeviceProgram
from scopeside_kernels.byteswap import byteswap
from scopeside_kernels.chip_tables import ChipTables
from scopeside_kernels.chips import chips
from scopeside_kernels.louvain import Rows, louvain
from scopeside_kernels.neighbours import neighbours
from scopeside_kernels.symmetric import symmetric
from scopeside_kernels.unit_rows import unit_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """All that is launched for the frame that lies in a lane, in order.

    The chips behind the last one of a frame, which fill the last tile, stay zeros: nobody looks
    at what the network makes of them.
    """

    kind: FrameKind
    preprocess: PreprocessSettings
    graph: GraphSettings
    held: Held
    tables: ChipTables
    program: DeviceProgram
    lane: Lane

    def launch(self) -> None:
        """Launch every stage, and set its mark behind it."""
        marks = self.lane.marks
        marks.begun.set()
        for stage, work in (
            ("preprocess", self._preprocess),
            ("chips", self._chips),
            ("embed", self._embed),
            ("graph", self._graph),
            ("communities", self._communities),
            ("identity", self._identity),
        ):
            work()
            marks.stages[stage].set()

    def _preprocess(self) -> None:
        frame_YX = self.lane.frame_YX
        if self.kind.swapped:
            byteswap(frame_YX, native_YX=frame_YX)
        find_contrast(frame_YX, self.preprocess, self.held, self.lane.contrast)

    def _chips(self) -> None:
        contrast = self.lane.contrast
        source_YX = self.lane.frame_YX if contrast.corrected_YX is None else contrast.corrected_YX
        input_NCHW = self.program.input_TB1HW.flatten(0, 1)
        chips(source_YX, contrast.opened_2, self.tables, input_NCHW[: self.tables.chips])

    def _embed(self) -> None:
        self.program.run()
        # The program's own output is the next frame's before this one's identities are known.
        self.lane.rows_ND.copy_(self.program.output_TBF.flatten(0, 1)[: self.tables.chips])

    def _graph(self) -> None:
        lane = self.lane
        norm_N = torch.linalg.vector_norm(lane.rows_ND, dim=1)
        lane.inverse_N.copy_(torch.where(norm_N > 0, 1.0 / norm_N, 0.0))
        unit_rows(
            lane.rows_ND,
            centred=self.graph.centred,
            unit_ND=lane.unit_ND,
            room_BD=lane.unit_room,
        )
        neighbours(
            lane.unit_ND,
            self.graph.neighbours,
            neighbours_NK=lane.near_NK,
            similarities_NK=lane.similar_NK,
            room=lane.near_room,
        )
        symmetric(lane.near_NK, lane.similar_NK, lane.graph)

    def _communities(self) -> None:
        lane = self.lane
        if lane.workspace is None or lane.groups is None:
            return
        tensors, groups = lane.graph, lane.groups
        rows = Rows.from_csr(tensors.offsets, tensors.neighbours, tensors.weights)
        labels_N = louvain(rows, lane.workspace)
        sum_groups(labels_N, lane.rows_ND, lane.inverse_N, groups.sums_KD)
        weigh_groups(labels_N, tensors, groups.places_E, groups.between_KK, KEPT)

    def _identity(self) -> None:
        lane = self.lane
        if lane.workspace is None or lane.groups is None or lane.known is None:
            return
        there = lane.ids.there
        guess_ids(
            lane.workspace.numbers_N,
            lane.groups.sums_KD,
            lane.known,
            ids_N=there.ids_N,
            asked_A=there.asked_A,
        )
