"""What is made once for a kind of frame: tables, the network's program, and lanes.

Shape suffix: T tiles of B chips.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle

import torch

from scopeside.device.back import Back
from scopeside.device.card import Card, Line
from scopeside.device.contrast import Held, References
from scopeside.device.front import Front
from scopeside.device.lane import Lane, make_lane
from scopeside.device.lines import Lines
from scopeside.device.pixels import FrameKind
from scopeside.device.votes import Surroundings
from scopeside.messages import ChipGrid
from scopeside.settings import Settings
from scopeside.stages.embed.device_memory import device_memory
from scopeside.stages.embed.encoder import DeviceEncoder
from scopeside.stages.embed.tiling import tiles_of
from scopeside_kernels.chip_tables import chip_tables
from scopeside_kernels.paint_tables import paint_tables

log = logging.getLogger(__name__)

LANES = 2
"""While the host finishes one frame, the card computes the next. A third would only wait."""

Launch = Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A lane with the launches that fill it; `captured` says that each is one CUDA graph.

    Where Louvain runs with the frame, `first` is all of it, painted by the ids that the card takes
    its chips to have: `paints`. Otherwise it ends before Louvain. `back` paints by ids from the
    host, and `back_divided`, which is never captured, by its votes too.
    """

    lane: Lane
    first: Launch
    back: Launch
    back_divided: Launch
    captured: bool

    @property
    def paints(self) -> bool:
        return self.lane.known is not None


class Plan:
    """One kind of frame; its tracks take turns."""

    def __init__(self, grid: ChipGrid, tracks: tuple[Track, ...]) -> None:
        self.grid = grid
        self.tracks = tracks
        self._turns = cycle(tracks)

    def next_track(self) -> Track:
        """Return the track whose frame was begun longest ago."""
        return next(self._turns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planner:
    """Makes plans: this is when a card's kernels are compiled, and its memory is taken.

    `batch` is the tile that fits the card as far as is known.
    """

    settings: Settings
    encoder: DeviceEncoder
    batch: int
    card: Card
    lines: Lines
    held: Held
    references: References

    def grid(self, kind: FrameKind) -> ChipGrid:
        """Return the chips of frames of a kind."""
        return ChipGrid(
            shape=kind.shape,
            chip_px=self.settings.chips.size_px,
            stride_px=self.settings.chips.effective_stride_px,
        )

    def plan(self, kind: FrameKind, *, with_louvain: bool) -> Plan:
        """Raises DeviceMemoryError where the card's memory does not hold it."""
        grid = self.grid(kind)
        side = self.settings.chips.effective_input_px
        tiling = tiles_of(grid.chips, self.batch)
        device = self.card.device
        with (
            device_memory(f"a plan for frames of {list(kind.shape)} ({grid.chips} chips)"),
            self.lines.compute.use(),
            self.held.untouched(),
        ):
            # Captured with the frame: a graph of its own would hold the network's memory twice.
            program = self.encoder.device_program(
                tiling.tiles, (tiling.batch, 1, side, side), "pool", captured=False
            )
            origins = (grid.y0_R, grid.x0_C)
            tables = chip_tables(*origins, grid.chip_px, side, device=device)
            painting = paint_tables(*origins, grid.chip_px, grid.shape, device=device)
            tracks = []
            pools = (self.card.pool(), self.card.pool())
            for _ in range(LANES):
                lane = make_lane(
                    kind,
                    grid.chips,
                    program.output_TBF.shape[-1],
                    self.settings,
                    self.references,
                    self.card,
                    with_louvain=with_louvain,
                )
                front = Front(
                    kind=kind,
                    preprocess=self.settings.preprocess,
                    graph=self.settings.graph,
                    held=self.held,
                    tables=tables,
                    program=program,
                    lane=lane,
                )
                back = Back(tables=painting, surroundings=Surroundings.of(grid), lane=lane)
                tracks.append(self._track(front, back, pools))
        return Plan(grid, tuple(tracks))

    def _track(self, front: Front, back: Back, pools: tuple[object, object]) -> Track:
        def all_of_it() -> None:
            front.launch()
            back.launch()

        whole = front.lane.known is not None
        # Once as they are: kernels are compiled and libraries take their workspaces.
        ran = [
            self._ran(self.lines.compute, all_of_it if whole else front.launch),
            self._ran(self.lines.finish, back.launch),
        ]
        captured = True
        try:
            first, again = [
                self.card.captured(line, launch, pool=pool)
                for (line, launch), pool in zip(ran, pools, strict=True)
            ]
        except RuntimeError as error:
            full = _out_of_memory(error)
            if full is not None:
                raise full from error
            log.warning(
                "launching kernel by kernel: the work of a frame could not be captured",
                extra={"because": str(error)},
            )
            first, again = [launch for _, launch in ran]
            captured = False
        return Track(
            lane=front.lane,
            first=first,
            back=again,
            back_divided=back.launch_divided,
            captured=captured,
        )

    def _ran(self, line: Line, launch: Launch) -> tuple[Line, Launch]:
        with line.use():
            launch()
        line.wait()
        return line, launch


def _out_of_memory(error: BaseException) -> torch.OutOfMemoryError | None:
    """Return what was behind an error: ending a capture that ran out of memory is one of its own,
    which takes the place of the first."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, torch.OutOfMemoryError):
        found = found.__context__
    return found and torch.OutOfMemoryError(str(found))
