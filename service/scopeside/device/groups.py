"""What a card tells of a partition: sums of unit embeddings, and weights between groups.

Small matrices, from which the host has prototypes, modularity and neighbours of communities. For
up to `KEPT` groups they are made in launches of a fixed shape, which a graph can hold.

Weights are summed as integers, so that no sum depends on the order of additions. A matrix product
sums embeddings; on one card and for one shape it gives the same bits every time.

Shape suffixes: N chips; E places of edge arrays; K groups; G groups that are asked for; D features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scopeside.messages import Array, Float32, Int64
from scopeside_kernels.symmetric import GraphTensors

KEPT = 64
"""Groups whose figures a launch makes. Frames of a few materials have 2 to 20 communities."""
WEIGHT_BITS = 32
"""Bits after the point of a weight: finer than a float32, and 2**31 edges do not pass 63 bits."""

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRoom:
    """Where `summarise` leaves `(KEPT, D)` sums and `(KEPT, KEPT)` weights, and what it needs."""

    sums_KD: Tensor
    between_KK: Tensor
    places_E: Tensor


def group_room(places: int, features: int, device: torch.device) -> GroupRoom:
    """Make room for graphs of at most so many places for edges."""
    return GroupRoom(
        sums_KD=torch.zeros((KEPT, features), device=device),
        between_KK=between_room(KEPT, device),
        places_E=torch.arange(places, dtype=torch.int64, device=device),
    )


def between_room(kept: int, device: torch.device) -> Tensor:
    """Make room for the weights between so many groups, and one place for all that is left out."""
    return torch.zeros(kept * kept + 1, dtype=torch.int64, device=device)


def sum_groups(group_N: Tensor, rows_ND: Tensor, inverse_N: Tensor, sums_KD: Tensor) -> None:
    """Sum the unit embeddings of each group; there may be more groups than room for sums."""
    numbers_K = torch.arange(len(sums_KD), dtype=torch.int32, device=group_N.device)
    mine_KN = group_N[None, :] == numbers_K[:, None]
    torch.matmul(mine_KN * inverse_N, rows_ND, out=sums_KD)


def weigh_groups(
    group_N: Tensor, graph: GraphTensors, places_E: Tensor, between_KK: Tensor, kept: int
) -> None:
    """Sum the weights from each group to each, both directions of an edge; the last place takes
    what belongs to groups from `kept` on, and places that hold no edge."""
    # A place belongs to the row whose edges end behind it.
    row_E = torch.searchsorted(graph.offsets[1:], places_E, right=True)
    used_E = row_E < len(group_N)
    row_E = row_E.clamp_max(len(group_N) - 1)
    other_E = torch.where(used_E, graph.neighbours, 0).to(torch.int64)
    from_E, to_E = group_N[row_E], group_N[other_E]
    counted_E = used_E & (from_E < kept) & (to_E < kept)
    pair_E = torch.where(counted_E, from_E.to(torch.int64) * kept + to_E, kept * kept)
    fixed_E = torch.round(graph.weights.to(torch.float64) * 2.0**WEIGHT_BITS).to(torch.int64)
    between_KK.zero_()
    between_KK.index_add_(0, pair_E, torch.where(counted_E, fixed_E, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Figures of a partition that were asked for already: other partitions that join its groups
    whole have theirs from it, by addition here."""

    group_N: Int64
    values_K: Array

    def owners(self, coarse_N: Array) -> Int64 | None:
        """Return which coarse group each group belongs to; None where one is divided."""
        owner_K = np.full(len(self.values_K), -2, np.int64)
        owner_K[self.group_N] = coarse_N
        return owner_K if np.array_equal(owner_K[self.group_N], coarse_N) else None


def joined_rows(values_KD: Array, owner_K: Int64, groups: int) -> Float64:
    """Sum the rows of what belongs together; owners below 0 are left out."""
    joined_GD = np.zeros((groups, values_KD.shape[1]))
    counted = owner_K >= 0
    np.add.at(joined_GD, owner_K[counted], values_KD[counted])
    return joined_GD


def joined_matrix(values_KK: Array, owner_K: Int64, groups: int) -> Float64:
    """Sum rows and columns of what belongs together."""
    return joined_rows(joined_rows(values_KK, owner_K, groups).T, owner_K, groups).T


def as_weights(between_KK: NDArray[np.int64], kept: int) -> Float64:
    """Return what `weigh_groups` summed as weights again, `(K, K)`."""
    fixed_KK = between_KK[: kept * kept].reshape(kept, kept)
    return fixed_KK.astype(np.float64) * 2.0**-WEIGHT_BITS


def groups_in(group_N: Array) -> int:
    """Return how many groups there are, of numbers from 0 without gaps."""
    return int(group_N.max()) + 1 if len(group_N) else 0


def on_device(values: NDArray[Any], device: torch.device) -> Tensor:
    """Copy a small array of the host to a device, in the order of the line in use."""
    return torch.from_numpy(np.ascontiguousarray(values)).to(device)


def mean_rows(sums_GD: Float64, counts_G: Array) -> Float32:
    """Return means of groups; a group of nobody has a row of zeros."""
    means_GD: Float32 = (sums_GD / np.maximum(counts_G, 1)[:, None]).astype(np.float32)
    return means_GD
