"""What is done to a frame's partition before its communities are given ids.

Shape suffixes: N chips; D features.
"""

from __future__ import annotations

from scopeside.looks import Looks
from scopeside.messages import ChipGrid, Float32, Partition
from scopeside.ports import AnyGraph
from scopeside.settings import Settings
from scopeside.stages.communities.borders import give_borders_away
from scopeside.stages.communities.small import merge_small


def tidied(
    graph: AnyGraph,
    partition: Partition,
    unit: Float32 | Looks,
    looks: Looks,
    grid: ChipGrid,
    settings: Settings,
) -> Partition:
    """Join what is too small, and give away what is only a border.

    `unit` are the embeddings of which the graph is made, `looks` those of the encoder. Where
    `identity.merge_distance` is 0 nothing is told by its looks, borders neither.
    """
    partition = merge_small(graph, partition, unit, min_chips=settings.communities.min_chips)
    if settings.communities.borders == "keep" or settings.identity.merge_distance == 0:
        return partition
    return give_borders_away(graph, partition, looks, grid, unit=settings.distance_unit)
