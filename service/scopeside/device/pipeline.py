"""A frame's way through the service with every stage on a card; see `scopeside.pipeline`.

    begin    receive -> contrast -> chips -> embed -> graph -> communities -> a guess of the ids
             -> mixture -> label map -> regions                                launched, not waited
    finish   identity -> descriptors                                           by the host
             mixture -> label map -> regions              by the card once more, for other ids

What `begin` launches needs no answer from the host, so it is one CUDA graph where Louvain is our
own kernels, and the card works on it while the host finishes the frame before. Identities and the
resolution are state of the host: frames are finished in order, what was found at a resolution that
is no longer in force is found anew, and what was painted by a guess that the host does not confirm
is painted again. So the answer is the same with one frame at a time, and whatever was guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from scopeside.clock import StageClock
from scopeside.device.answers import Answers, answers
from scopeside.device.begun import Begun
from scopeside.device.card import Card
from scopeside.device.engines.engine import Engine
from scopeside.device.lane import ASKED
from scopeside.device.lines import Lines
from scopeside.device.painting import Painting
from scopeside.device.pixels import FrameKind, put
from scopeside.device.plan import LANES, Planner, Track
from scopeside.device.plans import Plans
from scopeside.device.shortage import Shortage
from scopeside.device.timing import stage_times
from scopeside.errors import DeviceLostError
from scopeside.messages import (
    ChipGrid,
    Frame,
    GraphSummary,
    Partition,
    Provenance,
    Segmentation,
)
from scopeside.pipeline_memory import PipelineMemory
from scopeside.settings import Settings
from scopeside.stages.communities import tidied, undivided
from scopeside.stages.communities.parallel import fits
from scopeside.stages.descriptors import Descriptors
from scopeside.stages.embed.device_memory import in_fitting_tiles
from scopeside.stages.identity import IdentityTracker
from scopeside.stages.labelmap import communities_of
from scopeside.stages.resolution import CommunityFinder


class DevicePipeline:
    """See `scopeside.ports.Segmenter`; `segment` does one frame after the other.

    `engine_of` says which Louvain finds the communities of so many chips. `meter` reads the card's
    figures. `keeps` is only held: what must stay loaded while no plan needs it.
    """

    lanes = LANES

    def __init__(
        self,
        settings: Settings,
        *,
        provenance: Provenance,
        planner: Planner,
        finder: CommunityFinder,
        tracker: IdentityTracker,
        descriptors: Descriptors,
        engine_of: Callable[[int], Engine],
        meter: Callable[[], Mapping[str, Any]],
        keeps: object = None,
    ) -> None:
        self.tracker = tracker
        self.finder = finder
        self.provenance = provenance
        self._settings = settings
        self._planner = planner
        self._descriptors = descriptors
        self._engine_of = engine_of
        self._meter = meter
        self._keeps = keeps
        self._plans = Plans(planner, with_louvain=lambda chips: engine_of(chips).on_card)
        self._shortage = Shortage()
        self._life = 0
        self._painting = Painting(planner.card, planner.lines)
        self._contrast_series: str | None = None
        self.memory = PipelineMemory(
            settings, provenance, finder=finder, tracker=tracker, descriptors=descriptors
        )

    @property
    def replans(self) -> int:
        """How often it planned, the warm-up's plan among them."""
        return self._plans.made

    @property
    def _card(self) -> Card:
        return self._planner.card

    @property
    def _lines(self) -> Lines:
        return self._planner.lines

    def segment(self, frame: Frame) -> Segmentation:
        """Segment one frame; see `scopeside.pipeline.Pipeline.segment`."""
        return self.finish(self.begin(frame))

    def begin(self, frame: Frame) -> Begun:
        """Launch all that needs no identities; the host waits for nothing but its own copy."""
        self._planner.references.require_fit(frame)
        kind = FrameKind.of(frame)
        with self._shortage.noticed(kind):
            return self._launched(frame, kind)

    def _launched(self, frame: Frame, kind: FrameKind) -> Begun:
        clock = StageClock()
        with clock("plan"):
            plan, replanned = self._plans.of(kind)
        track = plan.next_track()
        lane, marks, lines = track.lane, track.lane.marks, self._lines
        with clock("receive"):
            put(frame.image_YX, lane.pinned_YX)
        asked_A = None
        with lines.copy_in.use():
            marks.upload_begun.set()
            lane.frame_YX.copy_(lane.pinned_YX, non_blocking=True)
            if lane.known is not None:
                asked_A = lane.known.send(*self.tracker.latest(ASKED))
            marks.uploaded.set()
        resolution = self._likely_resolution(track)
        with lines.compute.use():
            self._enter_contrast(frame.series)
            if lane.workspace is not None and resolution is not None:
                lane.workspace.set_resolution(resolution)
            lines.compute.after(marks.uploaded)
            track.first()
            marks.computed.set()
        lines.tell.after(marks.computed)
        with lines.tell.use():
            lane.told.copy()
            marks.told.set()
        return Begun(
            frame=frame,
            plan=plan,
            track=track,
            maps=self._painting.begun(track, asked_A),
            resolution=resolution,
            replanned=replanned,
            life=self._life,
            clock=clock,
        )

    def finish(self, begun: Begun) -> Segmentation:
        """Wait for the card, say who is who, and let it paint."""
        if begun.life != self._life:
            # A recovery has taken what this frame was begun with.
            begun = self.begin(begun.frame)
        with self._shortage.noticed(FrameKind.of(begun.frame)):
            return self._finished(begun)

    def _finished(self, begun: Begun) -> Segmentation:
        frame, grid, lane, clock = begun.frame, begun.plan.grid, begun.track.lane, begun.clock
        self.memory.enter(frame.series)

        lane.marks.told.wait()
        told = answers(lane, self._lines.finish, resolution=begun.resolution)
        with clock("communities"):
            partition = self._divided(told, grid)
        with clock("identity"):
            identified = self.tracker.identify(partition, told.looks, grid)
        label_map, found = self._painting.finished(
            begun.track, begun.maps, identified, told, grid, clock
        )
        with clock("regions"):
            communities = communities_of(
                # Every pixel is under a chip, and every chip has an id that was asked for.
                found,
                identified,
                frame,
                labelled_px=int(found.area_px_K.sum()),
            )
        with clock("descriptors"):
            communities, fronts = self._descriptors.describe(
                frame, told.contrast, grid, identified, label_map, communities, told.looks
            )

        return Segmentation(
            frame=frame,
            image=told.contrast,
            grid=grid,
            identified=identified,
            label_map=label_map,
            communities=communities,
            fronts=fronts,
            graph=GraphSummary(
                edges=told.graph.edges,
                resolution=partition.resolution,
                modularity=partition.modularity,
                communities=partition.communities,
                stability=partition.stability,
            ),
            provenance=replace(self.provenance, clusterer=self._engine_of(grid.chips).name),
            stages_s=stage_times(clock, lane.marks),
            replanned=begun.replanned,
        )

    def _divided(self, told: Answers, grid: ChipGrid) -> Partition:
        """Return the communities of a frame, found at the resolution in force."""
        partition = (
            undivided(told.graph, resolution=self.finder.resolution)
            if told.contrast.flat
            else self.finder.find(told.graph, told.looks)
        )
        return tidied(told.graph, partition, told.units, told.looks, grid, self._settings)

    def plan(self, shape: tuple[int, int]) -> None:
        """Prepare for frames of `shape` with the expected pixels: the only moment at which anything
        may be compiled, and memory taken.

        A tile that fits the card by itself may not fit it with all else that a frame needs: half
        of it is tried, down to one chip. Raises DeviceMemoryError where not even that fits.
        """
        pixels = np.dtype(f"<{self._settings.service.frame_dtype}")
        kind = FrameKind.of_pixels(shape, pixels)

        def planned(batch: int) -> None:
            self._in_tiles_of(batch)
            self._plans.of(kind)

        in_fitting_tiles(planned, self._planner.batch)

    def _in_tiles_of(self, batch: int) -> None:
        if batch != self._planner.batch:
            self._planner = replace(self._planner, batch=batch)
            self._plans.smaller(self._planner)

    def apply(self, settings: Settings, *, config_hash: str) -> None:
        """Take over changed live settings; the next frame is the first to feel them."""
        self._settings = settings
        self.provenance = replace(self.provenance, config=config_hash)
        self.memory.apply(settings)

    def reset(self) -> None:
        """Forget identities, names, the reference, held contrast and the chosen resolution."""
        self.memory.reset()
        self._contrast_series = None

    def recover(self) -> None:
        """Make everything on the card anew for the next frame, or say that it is lost.

        In smaller tiles where its memory had run out.
        """
        if not self._card.survives():
            raise DeviceLostError(
                f"{self._card.title} takes no more work from this process: restart the service"
                " (a supervisor does, on this exit code); `nvidia-smi` and the system's log say"
                " whether the card itself failed."
            )
        self._life += 1
        batch = self._shortage.smaller(self._planner.batch, self._plans.kinds)
        self._plans.forget()
        self._in_tiles_of(batch)

    def figures(self) -> Mapping[str, Any]:
        """Return what the card has to do, and how it is."""
        plans = self._plans.kept
        return {
            "gpu": {
                "title": self._card.title,
                "planned": len(plans),
                "tile_chips": self._planner.batch,
                "out_of_memory": self._shortage.frames,
                "repainted": self._painting.repainted,
                "captured": all(track.captured for plan in plans for track in plan.tracks),
                **self._meter(),
            }
        }

    def _likely_resolution(self, track: Track) -> float | None:
        """Return what Louvain may run with before the frame's turn; None where it does not."""
        workspace, resolution = track.lane.workspace, self.finder.resolution
        if workspace is None or not fits(workspace.nodes, workspace.edges, resolution):
            return None
        return resolution

    def _enter_contrast(self, series: str) -> None:
        """Forget the held contrast of another series; in the order of the line in use."""
        if series != self._contrast_series:
            self._contrast_series = series
            self._planner.held.forget()
