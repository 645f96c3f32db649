"""Communities that are nothing but a border between two others.

A chip on the border of two materials shows both, and its rim besides. Where borders are long, as
around particles a few chips wide, such chips are alike and many, and Louvain makes a community of
them as stable as any. It is told by its place: nearly every one of its chips touches both of the
same two communities, while most chips of at least one of those do not touch both it and the other.
What it was found on is in docs/adr/0038-borders-are-no-material.md.

Shape suffixes: N chips; R, C rows and columns of the chip grid; K communities; B chips of one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scopeside.looks import Looks
from scopeside.messages import ChipGrid, Int32, Int64, Partition
from scopeside.partitions import community_count, divided_as, relabelled
from scopeside.ports import AnyGraph
from scopeside.prototypes import distances, prototypes_of
from scopeside.stages.surroundings import communities_near

BETWEEN = 0.8
"""Share of a border's chips that touch both sides, at least."""
FREE_SIDE = 0.45
"""Share of one side's chips that touch the border and the other side, at most. The other side may
be small: most of a small sphere's core touches its rim and what lies outside. Where structures are
as small as chips everything touches everything, and neither side is free (docs/adr/0038)."""

MOST = 32
"""Communities beyond which no border is looked for: so many are dust, and the search would take
time by the third power of their number."""


def give_borders_away(
    graph: AnyGraph, partition: Partition, looks: Looks, grid: ChipGrid, *, unit: float | None
) -> Partition:
    """Give each chip of a border to the side that it looks more like.

    A border lies between its sides in its looks, too: nearer to either than they lie to one
    another. `unit` is what distances are counted in, the communities' spread when None. More
    than `MOST` communities are left as they are.
    """
    labels_N = partition.labels_N
    while 3 <= community_count(labels_N) <= MOST:
        border = _foremost_border(labels_N, looks, grid, unit)
        if border is None:
            break
        labels_N = _given_away(labels_N, looks, *border)
    if labels_N is partition.labels_N:
        return partition
    return divided_as(graph, partition, labels_N)


def _foremost_border(
    labels_N: Int32, looks: Looks, grid: ChipGrid, unit: float | None
) -> tuple[int, int, int] | None:
    """Return the community most of whose chips lie between two others, and those; None if none."""
    between_KKK = _between(labels_N, grid)
    # Each pair of sides comes in both orders, so that either may be the free one.
    candidate_KKK = (between_KKK >= BETWEEN) & (between_KKK.transpose(1, 0, 2) <= FREE_SIDE)
    if not candidate_KKK.any():
        return None
    described = prototypes_of(looks, labels_N, unit=unit)
    away_KK = distances(described, described)
    nearer_KK = away_KK[:, :, None] < away_KK[None]
    candidate_KKK &= nearer_KK & nearer_KK.transpose(0, 2, 1)
    if not candidate_KKK.any():
        return None
    place = int(np.where(candidate_KKK, between_KKK, -1.0).argmax())
    border, low, high = (int(index) for index in np.unravel_index(place, between_KKK.shape))
    return border, low, high


def _between(labels_N: Int32, grid: ChipGrid) -> NDArray[np.float64]:
    """Return `(K, K, K)`: the share of a community's chips that touch both of two others.

    -1 where two of the three are one.
    """
    communities = community_count(labels_N)
    touching = -(-grid.chip_px // grid.stride_px)
    place_RC = labels_N.reshape(grid.rows, grid.cols).astype(np.int64)
    near_NK = communities_near(place_RC, communities, touching)
    between_KKK = np.empty((communities, communities, communities))
    for community in range(communities):
        near_BK = near_NK[labels_N == community].astype(np.float64)
        between_KKK[community] = near_BK.T @ near_BK / len(near_BK)
        between_KKK[community, community] = between_KKK[community, :, community] = -1.0
        np.fill_diagonal(between_KKK[community], -1.0)
    return between_KKK


def _given_away(labels_N: Int32, looks: Looks, border: int, low: int, high: int) -> Int32:
    """Return labels without the border: each of its chips to the nearer of the two means."""
    chips_B: Int64 = np.flatnonzero(labels_N == border)
    means_2D = looks.means(labels_N)[[low, high]]
    # Half the squared distance of a unit vector, less what is the same for both.
    away_B2 = 0.5 * np.einsum("md,md->m", means_2D, means_2D) - looks.products(chips_B, means_2D)
    given_N = labels_N.copy()
    given_N[chips_B] = np.where(away_B2[:, 0] <= away_B2[:, 1], low, high)
    return relabelled(given_N)
