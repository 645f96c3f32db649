"""The memory that one frame needs on its way, made when its kind is planned.

Shape suffixes: Y, X frame pixels; N chips; K neighbours; D features.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from scopeside.device.card import Card, Mark
from scopeside.device.contrast import ContrastRoom, References, contrast_room
from scopeside.device.groups import GroupRoom, group_room
from scopeside.device.guess import KnownRoom, known_room
from scopeside.device.ids import IdsRoom, ids_room
from scopeside.device.pixels import FrameKind
from scopeside.settings import Settings
from scopeside_kernels.louvain import Workspace
from scopeside_kernels.louvain import plan as plan_louvain
from scopeside_kernels.neighbours import neighbours_room
from scopeside_kernels.regions import RegionTensors, region_tensors
from scopeside_kernels.symmetric import GraphTensors, graph_tensors
from scopeside_kernels.unit_rows import unit_rows_room

ASKED = 64
"""Communities that are measured in one launch; frames with more measure them once more."""

INTERPRETED_PROGRAMS = 8
"""A card measures regions by hundreds of programs at a time, an interpreter one after the other."""

STAGES = ("preprocess", "chips", "embed", "graph", "communities", "identity")
"""The stages up to the ids, by which their marks are named."""
LAST_STAGES = ("labelmap", "regions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the host reads before it can go on, in pinned memory; each beside what it copies."""

    own_2: tuple[Tensor, Tensor]
    window_2: tuple[Tensor, Tensor]
    counts_2: tuple[Tensor, Tensor]
    saturated_px: tuple[Tensor, Tensor]
    edges: tuple[Tensor, Tensor]
    inverse_N: tuple[Tensor, Tensor]
    found: ToldLouvain | None

    def copy(self) -> None:
        """Copy all of it, in the order of the line in use."""
        pairs = [self.own_2, self.window_2, self.counts_2, self.saturated_px, self.edges]
        pairs.append(self.inverse_N)
        if self.found is not None:
            pairs += [self.found.labels_N, self.found.sums_KD]
            pairs += [self.found.between_KK, self.found.ids_N]
        for here, there in pairs:
            here.copy_(there, non_blocking=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldLouvain:
    """What of that Louvain left, where it runs with the frame, and the ids painted by it."""

    labels_N: tuple[Tensor, Tensor]
    sums_KD: tuple[Tensor, Tensor]
    between_KK: tuple[Tensor, Tensor]
    ids_N: tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Where the card has got to with a frame."""

    upload_begun: Mark
    uploaded: Mark
    begun: Mark
    stages: dict[str, Mark]
    computed: Mark
    told: Mark
    finish_begun: Mark
    last_stages: dict[str, Mark]
    download_begun: Mark
    downloaded: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """`workspace`, `groups` and `known` are there where Louvain runs with the frame. `measured` has
    pinned memory beside each of what `regions` measures."""

    pinned_YX: Tensor
    frame_YX: Tensor
    contrast: ContrastRoom
    rows_ND: Tensor
    inverse_N: Tensor
    unit_ND: Tensor
    unit_room: Tensor
    near_NK: Tensor
    similar_NK: Tensor
    near_room: Tensor | None
    graph: GraphTensors
    workspace: Workspace | None
    groups: GroupRoom | None
    known: KnownRoom | None
    ids: IdsRoom
    labels_YX: Tensor
    confidence_YX: Tensor
    regions: RegionTensors
    measured: tuple[tuple[Tensor, Tensor], ...]
    told: Told
    marks: Marks


def make_lane(
    kind: FrameKind,
    chips: int,
    features: int,
    settings: Settings,
    references: References,
    card: Card,
    *,
    with_louvain: bool,
) -> Lane:
    """Allocate a lane for frames of a kind that give so many chips."""
    device = card.device
    k = max(0, min(settings.graph.neighbours, chips - 1))
    places = max(1, 2 * chips * k)

    def empty(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.zeros(shape, dtype=dtype, device=device)

    contrast = contrast_room(kind, references, device)
    graph = graph_tensors(chips, k, device=device)
    inverse_N = empty(chips)
    workspace = plan_louvain(chips, places, device=device) if with_louvain else None
    groups = group_room(len(graph.neighbours), features, device) if with_louvain else None
    ids = ids_room(chips, ASKED, card)
    regions = region_tensors(
        ASKED,
        device=device,
        float_image=kind.floating,
        programs=None if device.type == "cuda" else INTERPRETED_PROGRAMS,
    )
    return Lane(
        pinned_YX=card.pinned(kind.shape, kind.dtype),
        frame_YX=empty(*kind.shape, dtype=kind.dtype),
        contrast=contrast,
        rows_ND=empty(chips, features),
        inverse_N=inverse_N,
        unit_ND=empty(chips, features),
        unit_room=unit_rows_room(features, device=device),
        near_NK=empty(chips, k, dtype=torch.int32),
        similar_NK=empty(chips, k),
        near_room=neighbours_room(chips, k, dtype=torch.float32, device=device) if k else None,
        graph=graph,
        workspace=workspace,
        groups=groups,
        known=known_room(ASKED, features, card) if with_louvain else None,
        ids=ids,
        labels_YX=empty(*kind.shape, dtype=torch.uint16),
        confidence_YX=empty(*kind.shape, dtype=torch.uint8),
        regions=regions,
        measured=tuple(_beside(card, field) for field in in_order(regions)),
        told=_told(card, contrast, graph, inverse_N, _found(card, workspace, groups, ids)),
        marks=_marks(card),
    )


def in_order(room: RegionTensors) -> tuple[Tensor, ...]:
    """Return what was measured in the order of the fields of `reference.Regions`."""
    return (
        room.area_px_K,
        room.centroid_K2,
        room.bbox_K4,
        room.mean_intensity_K,
        room.confidence_K,
    )


def _told(
    card: Card,
    contrast: ContrastRoom,
    graph: GraphTensors,
    inverse_N: Tensor,
    found: ToldLouvain | None,
) -> Told:
    return Told(
        own_2=_beside(card, contrast.found.window_2),
        window_2=_beside(card, contrast.window_2),
        counts_2=_beside(card, contrast.found.counts_2),
        saturated_px=_beside(card, contrast.saturated_px),
        edges=_beside(card, graph.offsets[-1]),
        inverse_N=_beside(card, inverse_N),
        found=found,
    )


def _found(
    card: Card, workspace: Workspace | None, groups: GroupRoom | None, ids: IdsRoom
) -> ToldLouvain | None:
    if workspace is None or groups is None:
        return None
    return ToldLouvain(
        labels_N=_beside(card, workspace.numbers_N),
        sums_KD=_beside(card, groups.sums_KD),
        between_KK=_beside(card, groups.between_KK),
        ids_N=_beside(card, ids.there.ids_N),
    )


def _beside(card: Card, there: Tensor) -> tuple[Tensor, Tensor]:
    return card.pinned(tuple(there.shape), there.dtype), there


def _marks(card: Card) -> Marks:
    return Marks(
        upload_begun=card.mark(),
        uploaded=card.mark(),
        begun=card.inner_mark(),
        stages={stage: card.inner_mark() for stage in STAGES},
        computed=card.mark(),
        told=card.mark(),
        finish_begun=card.inner_mark(),
        last_stages={stage: card.inner_mark() for stage in LAST_STAGES},
        download_begun=card.mark(),
        downloaded=card.mark(),
    )
