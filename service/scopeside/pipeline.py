"""A frame's way through the service, every stage in order.

    Frame -> Image -> Chips -> Embeddings -> Graph -> Partition -> Identified -> Mixture -> LabelMap
        -> Communities -> their descriptors, and fronts

The service and `scopeside segment` run this very code. One thread owns a pipeline: identities,
held contrast and chosen resolution carry over from frame to frame, so the order of the frames
(and nothing else: no clock, no load) decides the result.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from scopeside.clock import StageClock
from scopeside.looks import HostLooks
from scopeside.messages import ChipGrid, Frame, GraphSummary, Provenance, Segmentation
from scopeside.pipeline_memory import PipelineMemory
from scopeside.ports import Embedder
from scopeside.settings import Settings
from scopeside.stages.communities import tidied, undivided
from scopeside.stages.descriptors import Descriptors
from scopeside.stages.graph import build_graph
from scopeside.stages.identity import IdentityTracker
from scopeside.stages.labelmap import LabelMapper
from scopeside.stages.mixture import mixture_of
from scopeside.stages.preprocess import Preprocess
from scopeside.stages.resolution import CommunityFinder

PLANNED_SHAPES = 4
"""Frame shapes kept planned: a stream that alternates between detectors plans each once."""


class Pipeline:
    """Everything between a received frame and its segmentation, on the CPU.

    A GPU may run the embedder. `scopeside.device` has the same way with all stages there.
    """

    lanes = 1

    def __init__(
        self,
        settings: Settings,
        *,
        provenance: Provenance,
        preprocess: Preprocess,
        embedder: Embedder,
        finder: CommunityFinder,
        tracker: IdentityTracker,
        mapper: LabelMapper,
        descriptors: Descriptors,
    ) -> None:
        self.embedder = embedder
        self.tracker = tracker
        self.finder = finder
        self.provenance = provenance
        self._settings = settings
        self._preprocess = preprocess
        self._mapper = mapper
        self._descriptors = descriptors
        self._grids: OrderedDict[tuple[int, int], ChipGrid] = OrderedDict()
        self.memory = PipelineMemory(
            settings, provenance, finder=finder, tracker=tracker, descriptors=descriptors
        )
        self.replans = 0

    def segment(self, frame: Frame) -> Segmentation:
        """Segment one frame.

        Raises `DropError` for a frame that cannot be used (say, a shape that the flat field
        does not have); what was learnt of its series so far is kept.
        """
        settings = self._settings
        clock = StageClock()
        if self.memory.enter(frame.series):
            self._preprocess.reset()

        with clock("plan"):
            grid, replanned = self._grid(frame.shape)
        with clock("preprocess"):
            image = self._preprocess(frame)
        with clock("chips"):
            prepared = self.embedder.prepare(image.values_YX, grid)
        with clock("embed"):
            embeddings_ND = self.embedder.embed(prepared, grid)
            looks = HostLooks(embeddings_ND)
        with clock("graph"):
            graph, unit_ND = build_graph(embeddings_ND, settings.graph)
        with clock("communities"):
            # What an encoder makes of a blank frame is its own border, not the specimen.
            partition = (
                undivided(graph, resolution=self.finder.resolution)
                if image.flat
                else self.finder.find(graph, looks)
            )
            partition = tidied(graph, partition, unit_ND, looks, grid, settings)
        with clock("identity"):
            identified = self.tracker.identify(partition, looks, grid)
        with clock("labelmap"):
            mixture = mixture_of(identified.ids_N, looks, grid)
            label_map = self._mapper.paint(identified, mixture, grid)
        with clock("regions"):
            communities = self._mapper.communities(label_map, identified, frame)
        with clock("descriptors"):
            communities, fronts = self._descriptors.describe(
                frame, image, grid, identified, label_map, communities, looks
            )

        return Segmentation(
            frame=frame,
            image=image,
            grid=grid,
            identified=identified,
            label_map=label_map,
            communities=communities,
            fronts=fronts,
            graph=GraphSummary(
                edges=graph.edges,
                resolution=partition.resolution,
                modularity=partition.modularity,
                communities=partition.communities,
                stability=partition.stability,
            ),
            provenance=self.provenance,
            stages_s=clock.stages_s,
            replanned=replanned,
        )

    def begin(self, frame: Frame) -> Frame:
        """Nothing is begun early here: there is one processor for all of it."""
        return frame

    def finish(self, begun: Frame) -> Segmentation:
        """Segment one frame."""
        return self.segment(begun)

    def recover(self) -> None:
        """A frame that failed left nothing behind."""

    def figures(self) -> Mapping[str, Any]:
        """Nothing: the processor is no device."""
        return {}

    def plan(self, shape: tuple[int, int]) -> None:
        """Prepare for frames of `shape`: the only moment at which anything may be compiled."""
        self._grid(shape)

    def apply(self, settings: Settings, *, config_hash: str) -> None:
        """Take over changed live settings; the next frame is the first to feel them."""
        self._settings = settings
        self.provenance = replace(self.provenance, config=config_hash)
        self.memory.apply(settings)

    def reset(self) -> None:
        """Forget identities, names, the reference, held contrast and the chosen resolution."""
        self.memory.reset()
        self._preprocess.reset()

    def _grid(self, shape: tuple[int, int]) -> tuple[ChipGrid, bool]:
        known = self._grids.get(shape)
        if known is not None:
            self._grids.move_to_end(shape)
            return known, False
        chips = self._settings.chips
        grid = ChipGrid(shape=shape, chip_px=chips.size_px, stride_px=chips.effective_stride_px)
        self.embedder.plan(grid)
        self._grids[shape] = grid
        while len(self._grids) > PLANNED_SHAPES:
            self._grids.popitem(last=False)
        self.replans += 1
        return grid, True
